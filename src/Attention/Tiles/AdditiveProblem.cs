namespace Attention.Tiles;

/// <summary>
/// Additive attention as the kernels see it: <c>score = sum over c of vector[c] tanh(query[c] + key[c])</c>, with queries and keys
/// that were projected before; the head size is the hidden size, and there is no scale.
/// </summary>
internal unsafe struct AdditiveProblem
{
    /// <summary>Sizes, query, key, value, results and dropout; no bias, no sinks, never packed.</summary>
    internal AttentionProblem Attention;

    /// <summary>[hiddenSize].</summary>
    internal float* ScoreVector;
}

/// <summary>What the backward pass reads and writes besides; an absent gradient is not wanted.</summary>
internal unsafe struct AdditiveGradientProblem
{
    internal AdditiveProblem Forward;
    internal Operand OutputGradient;
    internal Operand QueryGradient;
    internal Operand KeyGradient;
    internal Operand ValueGradient;

    /// <summary>[hiddenSize], or absent.</summary>
    internal Operand ScoreVectorGradient;
}
