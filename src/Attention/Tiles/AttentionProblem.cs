namespace Attention.Tiles;

/// <summary>
/// Scaled dot-product attention as the kernels see it: addresses, strides (in floats) and sizes, checked by the mechanism.
/// Strides of broadcast axes are zero; the last axis is contiguous.
/// </summary>
internal unsafe struct AttentionProblem
{
    internal int Batch;
    internal int Heads;
    internal int KeyValueHeads;
    internal int QueryLength;
    internal int KeyLength;
    internal int HeadSize;
    internal int ValueSize;

    /// <summary>The factor on q.k that the caller asked for; may be zero or negative.</summary>
    internal float Scale;

    internal float Dropout;
    internal ulong DropoutSeed;

    internal Operand Query;
    internal Operand Key;
    internal Operand Value;
    internal Operand Output;

    /// <summary>One number a row, or a null address if nobody wants it.</summary>
    internal Operand LogSumExp;

    /// <summary>The additive bias, rows of keys, or a null address.</summary>
    internal Operand Bias;

    /// <summary>1, or 0 where the bias has one column for all keys.</summary>
    internal nint BiasKeyStride;

    /// <summary>One logit a head, or null.</summary>
    internal float* SinkLogits;

    /// <summary>Where each sequence of a packed call starts, and where the last ends; null where every batch element has its own axis.</summary>
    internal int* CumulativeQueryLengths;

    internal int* CumulativeKeyLengths;

    internal readonly bool IsPacked => CumulativeQueryLengths != null;

    /// <summary>Query heads that share a key head.</summary>
    internal readonly int GroupSize => Heads / KeyValueHeads;

    /// <summary>
    /// The scale as the kernels use it, always positive and of a size that can be folded into an exponent: a sign, a zero or
    /// an extreme size goes into the queries instead (<see cref="QueryFactor"/>), so that the largest product is the largest score.
    /// </summary>
    internal readonly float PositiveScale => MathF.Abs(Scale) is >= 1e-20f and <= 1e30f ? MathF.Abs(Scale) : 1;

    /// <summary>Multiplies the queries: 1 or -1, or an extreme scale as it is.</summary>
    internal readonly float QueryFactor => Scale / PositiveScale;

    internal readonly int QueryLengthOf(int batch) =>
        IsPacked ? CumulativeQueryLengths[batch + 1] - CumulativeQueryLengths[batch] : QueryLength;

    internal readonly int KeyLengthOf(int batch) =>
        IsPacked ? CumulativeKeyLengths[batch + 1] - CumulativeKeyLengths[batch] : KeyLength;

    /// <summary>The address of the rows of <paramref name="operand"/>, which runs along queries.</summary>
    internal readonly float* QuerySide(in Operand operand, int batch, int head) =>
        operand.At(batch, head, IsPacked ? CumulativeQueryLengths[batch] : 0);

    /// <summary>The address of the rows of <paramref name="operand"/>, which runs along keys; by query head.</summary>
    internal readonly float* KeySide(in Operand operand, int batch, int head) =>
        operand.At(batch, head / GroupSize, IsPacked ? CumulativeKeyLengths[batch] : 0);
}
