using Attention.Comparison.Contenders;
using Attention.Comparison.Contenders.Own;
using Attention.Comparison.Contenders.Torch;
using Attention.Comparison.Users;
using Attention.Comparison.Work;
using Attention.Policies;

namespace Attention.Comparison;

/// <summary>The library's side of every row.</summary>
internal static class Ours
{
    internal static IContender Attend(AttentionData data, int threads)
    {
        AttentionTask task = data.Task;
        return task.Training ? new TorchTraining(data, threads)
            : task.Causal ? new OwnForward<OwnCausalMask, NoModifier>(data, default, default, threads)
            : new OwnForward<NoMask, NoModifier>(data, default, default, threads);
    }

    internal static IContender Multiply(float[] left, float[] right, int size, int threads) => new TorchMultiply(left, right, size, threads);
}
