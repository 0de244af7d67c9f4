using Attention.Comparison.Work;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Comparison.Contenders.Own;

/// <summary>The library's location-aware attention with all steps in one call.</summary>
internal sealed class OwnLocationAware(LocationAwareTask task, bool isTraining, int threads) : OwnTensors(task, isTraining)
{
    private readonly LocationAwareOptions _options = new() { MaxDegreeOfParallelism = threads };
    private readonly TaskTensor _alignments = TaskTensor.Room(1, task.Steps, task.Keys);

    /// <inheritdoc/>
    public override string Name => "LocationAwareAttention";

    private LocationWeights Weights => new() { ScoreVector = Inputs[3].Read, Filters = Inputs[4].Read, Projection = Inputs[5].Read };

    /// <inheritdoc/>
    protected override void Forward() => LocationAwareAttention.Forward(
        Inputs[0].Read, Inputs[1].Read, Inputs[2].Read, Weights, Inputs[6].Read, Output.Write, _alignments.Write, _options);

    /// <inheritdoc/>
    protected override void Backward() => LocationAwareAttention.Backward(
        Inputs[0].Read,
        Inputs[1].Read,
        Inputs[2].Read,
        Weights,
        Inputs[6].Read,
        default(NoMask),
        _alignments.Read,
        OutputGradient.Read,
        default,
        Gradients[0].Write,
        Gradients[1].Write,
        Gradients[2].Write,
        new LocationWeightGradients
        {
            ScoreVector = Gradients[3].Write,
            Filters = Gradients[4].Write,
            Projection = Gradients[5].Write,
        },
        Gradients[6].Write,
        _options);
}
