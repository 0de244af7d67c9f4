namespace Attention.Tiles;

/// <summary>Additive attention as the kernels see it; a head's size is the hidden size.</summary>
internal unsafe struct AdditiveProblem
{
    /// <summary>Sizes, query, key, value, results and dropout; no scale, no bias, no sinks, never packed.</summary>
    internal AttentionProblem Attention;

    /// <summary>One number for each hidden unit, side by side.</summary>
    internal float* ScoreVector;

    /// <summary>The threads that are worth waking: a tanh costs about as much as eight multiply-adds.</summary>
    internal readonly int Threads(in AttentionOptions options)
    {
        AttentionProblem work = Attention;
        work.HeadSize = (int)Math.Min(int.MaxValue / 2, 8L * work.HeadSize);
        work.ValueSize = Math.Min(int.MaxValue / 2, work.ValueSize);
        return ForwardPass.Threads(work, options);
    }
}

/// <summary>What the backward pass reads and writes besides; an absent gradient is not wanted.</summary>
internal unsafe struct AdditiveGradientProblem
{
    /// <summary>The forward problem, of attention with its output and log-sum-exp, which are read.</summary>
    internal AdditiveProblem Forward;

    /// <summary>What is given: the gradient of attention's output, or, where scores are computed alone, that of the scores.</summary>
    internal Operand OutputGradient;
    internal Operand ScoresGradient;
    internal Operand QueryGradient;
    internal Operand KeyGradient;
    internal Operand ValueGradient;

    /// <summary>One number for each hidden unit, or null.</summary>
    internal float* ScoreVectorGradient;
}
