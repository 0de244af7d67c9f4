namespace Attention.Tiles;

/// <summary>Additive scores alone, <c>score_ij = sum_c vector_c tanh(query_ic + key_jc)</c>, and their gradients.</summary>
internal unsafe struct AdditiveScoreProblem
{
    internal int Batch;
    internal int Heads;
    internal int KeyValueHeads;
    internal int QueryLength;
    internal int KeyLength;
    internal int HiddenSize;
    internal Operand Query;
    internal Operand Key;
    internal float* Vector;

    /// <summary>The scores forward, their gradient backward.</summary>
    internal Operand Scores;

    /// <summary>Null addresses are not wanted; likewise the others.</summary>
    internal Operand QueryGradient;
    internal Operand KeyGradient;

    /// <summary>One row of sums for each batch and key head, or null.</summary>
    internal float* VectorSums;

    internal readonly int GroupSize => Heads / KeyValueHeads;
}
