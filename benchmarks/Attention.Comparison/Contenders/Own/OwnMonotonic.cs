using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's soft alignment, called as a user calls it.</summary>
internal sealed class OwnMonotonic(MonotonicTask task, bool isTraining, int threads) : OwnTensors(task, isTraining)
{
    private readonly AttentionOptions _options = new() { MaxDegreeOfParallelism = threads };

    /// <inheritdoc/>
    public override string Name => "MonotonicAttention";

    /// <inheritdoc/>
    protected override void Forward() => MonotonicAttention.Forward(Inputs[0].Read, default(NoMask), Output.Write, _options);

    /// <inheritdoc/>
    protected override void Backward() => MonotonicAttention.Backward(
        Inputs[0].Read, Output.Read, OutputGradient.Read, default(NoMask), Gradients[0].Write, _options);
}
