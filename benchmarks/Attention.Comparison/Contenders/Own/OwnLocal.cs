using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's attention to windows, called as a user calls it.</summary>
internal sealed class OwnLocal(LocalTask task, bool isTraining, int threads) : OwnTensors(task, isTraining)
{
    // Luong's scores are not scaled.
    private readonly AttentionOptions _options = new() { Scale = 1, MaxDegreeOfParallelism = threads };
    private readonly LocalWindow _window = new(task.HalfWidth, IsGaussian: true);

    /// <inheritdoc/>
    public override string Name => "LocalAttention";

    /// <inheritdoc/>
    protected override void Forward() =>
        LocalAttention.Forward(Inputs[0].Read, Inputs[1].Read, Inputs[2].Read, Inputs[3].Read, _window, Output.Write, _options);

    /// <inheritdoc/>
    protected override void Backward() => LocalAttention.Backward(
        Inputs[0].Read,
        Inputs[1].Read,
        Inputs[2].Read,
        Inputs[3].Read,
        _window,
        default(NoMask),
        OutputGradient.Read,
        default,
        Gradients[0].Write,
        Gradients[1].Write,
        Gradients[2].Write,
        Gradients[3].Write,
        _options);
}
