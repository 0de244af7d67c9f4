using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's attention with a normaliser, called as a user calls it.</summary>
internal sealed class OwnNormalized<TNormalizer>(NormalizedTask task, TNormalizer normalizer, bool isTraining, int threads)
    : OwnTensors(task, isTraining)
    where TNormalizer : struct, INormalizer
{
    private readonly AttentionOptions _options = new() { MaxDegreeOfParallelism = threads };

    /// <inheritdoc/>
    public override string Name => "NormalizedAttention";

    /// <inheritdoc/>
    protected override void Forward() => NormalizedAttention.Forward(
        Inputs[0].Read, Inputs[1].Read, Inputs[2].Read, default(NoMask), default(NoModifier), normalizer, Output.Write, _options);

    /// <inheritdoc/>
    protected override void Backward() => NormalizedAttention.Backward(
        Inputs[0].Read,
        Inputs[1].Read,
        Inputs[2].Read,
        default(NoMask),
        default(NoModifier),
        normalizer,
        OutputGradient.Read,
        Gradients[0].Write,
        Gradients[1].Write,
        Gradients[2].Write,
        _options);
}
