namespace Attention.Tiles;

/// <summary>
/// Attention whose scores and values depend on the distance between query and key, as the kernels see it. One description
/// serves clipped distances and all distances: the pair (i, j) reads row <c>clamp(j - i + Shift, 0, TableRows - 1)</c> of its
/// tables, <c>score = scale ((q + contentBias) . k + (q + positionBias) . keyTable[row])</c> and
/// <c>output = sum P (v + valueTable[row])</c>, where whatever is absent counts as zero.
/// </summary>
internal unsafe struct RelativeProblem
{
    /// <summary>Sizes, query, key, value, results, scale and dropout; no bias, no sinks, never packed.</summary>
    internal AttentionProblem Attention;

    /// <summary>The row of the tables that query 0 reads for key 0, before clamping.</summary>
    internal long Shift;

    /// <summary>Rows of the tables; 0 only where there are no pairs.</summary>
    internal int TableRows;

    /// <summary>How many key tables there are: one for each head, or 1.</summary>
    internal int KeyTableHeads;

    /// <summary>[head, row, headSize], its head stride zero if heads share it; or absent.</summary>
    internal Operand KeyTable;

    /// <summary>[row, valueSize], or absent.</summary>
    internal Operand ValueTable;

    /// <summary>[head, headSize], or absent.</summary>
    internal Operand ContentBias;
    internal Operand PositionBias;

    /// <summary>Floats of one set of partial gradients of tables and biases.</summary>
    internal readonly nint TableFloats =>
        ((nint)KeyTableHeads * TableRows + 2 * (nint)Attention.Heads) * Attention.HeadSize + (nint)TableRows * Attention.ValueSize;
}

/// <summary>What the backward pass reads and writes besides; an absent gradient is not wanted.</summary>
internal struct RelativeGradientProblem
{
    internal RelativeProblem Forward;
    internal Operand OutputGradient;

    /// <summary>One number a row, or absent.</summary>
    internal Operand LogSumExpGradient;
    internal Operand QueryGradient;
    internal Operand KeyGradient;
    internal Operand ValueGradient;
    internal Operand KeyTableGradient;
    internal Operand ValueTableGradient;
    internal Operand ContentBiasGradient;
    internal Operand PositionBiasGradient;
}
