using Attention.Autodiff;
using Attention.Layers;

namespace Pronounce;

/// <summary>The attention of Chorowski et al. (2015), which is told where it looked at the step before.</summary>
internal sealed class LocationContext : ContextSource
{
    /// <summary>Letters around each that the filters see; words are shorter than the speech of the paper, which has 201.</summary>
    private const int Width = 7;

    private readonly LocationAwareAttentionLayer _attention;
    private readonly int _size;

    internal LocationContext(int size, ulong seed)
    {
        _size = size;
        _attention = AddLayer("location", new LocationAwareAttentionLayer(
            new LocationAwareAttentionOptions { QuerySize = size, SourceSize = size, HiddenSize = size, Width = Width, Seed = seed }));
    }

    internal override int ContextSize => _size;

    internal override bool AsksAfterStep => false;

    internal override IDisposable Prepare(Variable states, Variable summary, int[] lengths) => _attention.Start(states, lengths);

    internal override Variable Context(Variable state, IDisposable memory, int step) => _attention.Step(state, (LocationAwareState)memory);

    internal override float[]? Weights(Variable state, IDisposable memory, int step) => ((LocationAwareState)memory).Alignment?.Data.ToArray();
}
