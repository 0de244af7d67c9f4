namespace Attention.Tiles;

/// <summary>Two parts of attention and what becomes of them, as the kernels see them; strides in floats, size of a row in floats.</summary>
internal struct MergeProblem
{
    internal int Batch;
    internal int Heads;
    internal int QueryLength;
    internal int Size;

    internal Operand First;

    /// <summary>One number a row.</summary>
    internal Operand FirstLogSumExp;
    internal Operand Second;
    internal Operand SecondLogSumExp;

    /// <summary>The merged part: written forward, absent backward.</summary>
    internal Operand Output;
    internal Operand LogSumExp;

    /// <summary>The gradient of the merged part, read backward; that of its log-sum-exp may be absent.</summary>
    internal Operand OutputGradient;
    internal Operand LogSumExpGradient;

    /// <summary>The gradients of the parts, written backward.</summary>
    internal Operand FirstGradient;
    internal Operand FirstLogSumExpGradient;
    internal Operand SecondGradient;
    internal Operand SecondLogSumExpGradient;
}
