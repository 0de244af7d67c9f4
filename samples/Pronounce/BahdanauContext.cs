using System.Numerics.Tensors;
using Attention.Autodiff;
using Attention.Layers;
using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;

namespace Pronounce;

/// <summary>The attention of Bahdanau et al. (2015): the state before a step asks, <c>v . tanh(W s + U h)</c> says how well each letter answers.</summary>
internal sealed class BahdanauContext : ContextSource
{
    private readonly Linear _query;
    private readonly Linear _key;
    private readonly Parameter _score;
    private readonly int _size;

    internal BahdanauContext(int size, ulong seed)
    {
        _size = size;
        _query = AddLayer("query", new Linear(size, size, hasBias: false, seed: seed));
        _key = AddLayer("key", new Linear(size, size, seed: seed + 1000));
        float[] score = new float[size];
        Initialization.GlorotUniform(score, new PhiloxRandom(seed + 2000), size, 1);
        _score = AddParameter("score", score, size);
    }

    internal override int ContextSize => _size;

    internal override bool AsksAfterStep => false;

    internal override IDisposable Prepare(Variable states, Variable summary, int[] lengths)
    {
        using Variable keys = _key.Forward(states);
        return new Memory(AsHead(keys), AsHead(states), lengths);
    }

    internal override Variable Context(Variable state, IDisposable memory, int step)
    {
        var word = (Memory)memory;
        using Variable query = Query(state);
        using Variable context = Differentiable.AdditiveAttention(query, word.Keys, _score, word.States, new KeyLengthMask(word.Lengths));
        return context.Reshape(state.Data.Lengths[0], _size);
    }

    internal override float[]? Weights(Variable state, IDisposable memory, int step)
    {
        var word = (Memory)memory;
        using Variable query = Query(state);
        (nint batch, nint length) = (word.Keys.Data.Lengths[0], word.Keys.Data.Lengths[2]);
        float[] weights = new float[batch * length];
        AdditiveAttention.Weights(
            new ReadOnlyTensorSpan<float>(query.Data.ToArray(), query.Data.Lengths),
            new ReadOnlyTensorSpan<float>(word.Keys.Data.ToArray(), word.Keys.Data.Lengths),
            new ReadOnlyTensorSpan<float>(_score.Data.ToArray()), new KeyLengthMask(word.Lengths),
            new TensorSpan<float>(weights, [batch, 1, 1, length]));
        return weights;
    }

    private Variable Query(Variable state)
    {
        using Variable projected = _query.Forward(state);
        return projected.Reshape(state.Data.Lengths[0], 1, 1, _size);
    }

    private Variable AsHead(Variable sequences) =>
        sequences.Reshape(sequences.Data.Lengths[0], 1, sequences.Data.Lengths[1], _size);

    /// <summary>Keys are computed once a word and serve every step.</summary>
    private sealed record Memory(Variable Keys, Variable States, int[] Lengths) : IDisposable
    {
        public void Dispose()
        {
            Keys.Dispose();
            States.Dispose();
        }
    }
}
