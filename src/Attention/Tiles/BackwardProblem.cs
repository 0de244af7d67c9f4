namespace Attention.Tiles;

/// <summary>What the backward pass reads and writes besides the <see cref="AttentionProblem"/> of the forward pass.</summary>
internal unsafe struct BackwardProblem
{
    /// <summary>The problem of the forward pass; its output and log-sum-exp are inputs now.</summary>
    internal AttentionProblem Forward;

    internal Operand OutputGradient;

    /// <summary>The gradient that arrives through the log-sum-exp, or a null address.</summary>
    internal Operand LogSumExpGradient;

    internal Operand QueryGradient;
    internal Operand KeyGradient;
    internal Operand ValueGradient;

    /// <summary>The gradient of the bias, cleared before, or a null address.</summary>
    internal Operand BiasGradient;

    /// <summary>1, or 0 where the bias has one column for all keys.</summary>
    internal nint BiasGradientKeyStride;

    /// <summary>One number a head, or null.</summary>
    internal float* SinkGradient;

    /// <summary>Working memory: for each row, sum(dO o) - dLSE.</summary>
    internal Operand Delta;

    /// <summary>Working memory: for each head's tile of queries, the number of key blocks that have been added to its gradient.</summary>
    internal int* Turns;

    /// <summary>Working memory: whose turn it is to add to the gradient of the bias.</summary>
    internal BiasTurns BiasTurns;

    /// <summary>Working memory: not zero once a piece of work has failed, so that none waits for it.</summary>
    internal int* Failed;
}
