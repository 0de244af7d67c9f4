using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;

namespace Pronounce;

/// <summary>The attention of Bahdanau et al. (2015): the state before a step asks, <c>v . tanh(W s + U h)</c> says how well each letter answers.</summary>
internal sealed class BahdanauContext : ContextSource
{
    private readonly AdditiveAttentionLayer _attention;
    private readonly int _size;

    internal BahdanauContext(int size, ulong seed)
    {
        _size = size;
        _attention = AddLayer("additive", new AdditiveAttentionLayer(
            new AdditiveAttentionOptions { QuerySize = size, KeySize = size, HiddenSize = size, Seed = seed }));
    }

    internal override int ContextSize => _size;

    internal override bool AsksAfterStep => false;

    internal override IDisposable Prepare(Variable states, Variable summary, int[] lengths) =>
        _attention.Prepare(states, lengths: lengths);

    internal override Variable Context(Variable state, IDisposable memory, int step)
    {
        using Variable query = Query(state);
        using Variable context = _attention.Forward(query, (AdditiveMemory)memory);
        return context.Reshape(state.Data.Lengths[0], _size);
    }

    internal override float[]? Weights(Variable state, IDisposable memory, int step)
    {
        using Variable query = Query(state);
        using DeviceTensor weights = _attention.Weights(query, (AdditiveMemory)memory);
        return weights.ToArray();
    }

    private Variable Query(Variable state) => state.Reshape(state.Data.Lengths[0], 1, _size);
}
