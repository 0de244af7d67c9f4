using Attention.TestKit;

namespace Attention.Comparison.Work;

/// <summary>The numbers of one problem of additive attention, row-major.</summary>
internal sealed class AdditiveData(AdditiveTask task)
{
    internal AdditiveTask Task => task;

    internal float[] Query { get; } = AttentionProblems.Normal(new Random(1), task.QueryLength * task.HiddenSize);

    internal float[] Key { get; } = AttentionProblems.Normal(new Random(2), task.KeyLength * task.HiddenSize);

    /// <summary>Small enough that the weights are not one key's alone.</summary>
    internal float[] ScoreVector { get; } = AttentionProblems.Normal(new Random(3), task.HiddenSize, 0.2f);

    internal float[] Value { get; } = AttentionProblems.Normal(new Random(4), task.KeyLength * task.ValueSize);

    internal float[] OutputGradient { get; } = AttentionProblems.Normal(new Random(5), task.QueryLength * task.ValueSize);
}
