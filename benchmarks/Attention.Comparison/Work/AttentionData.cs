using Attention.TestKit;

namespace Attention.Comparison.Work;

/// <summary>The numbers of one attention problem, row-major with heads before positions.</summary>
internal sealed class AttentionData
{
    internal AttentionData(AttentionTask task)
    {
        Task = task;
        Query = AttentionProblems.Normal(new Random(1), task.QueryCount);
        Key = AttentionProblems.Normal(new Random(2), task.KeyCount);
        Value = AttentionProblems.Normal(new Random(3), task.KeyCount);
        Bias = task.Bias ? AttentionProblems.Normal(new Random(4), task.Heads * task.QueryLength * task.KeyLength) : [];
        OutputGradient = task.Training ? AttentionProblems.Normal(new Random(5), task.QueryCount) : [];
    }

    internal AttentionTask Task { get; }

    internal float[] Query { get; }

    internal float[] Key { get; }

    internal float[] Value { get; }

    /// <summary>Shape <c>[1, heads, queryLength, keyLength]</c>, or empty.</summary>
    internal float[] Bias { get; }

    internal float[] OutputGradient { get; }
}
