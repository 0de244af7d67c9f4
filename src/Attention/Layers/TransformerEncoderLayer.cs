using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// A layer of a Transformer encoder, or of a decoder without an encoder: self-attention, then a feed-forward block (Vaswani et
/// al. 2017, section 3.1). Parameters as in PyTorch: <c>self_attn.*</c>, <c>linear1.*</c>, <c>linear2.*</c>, <c>norm1.*</c>, <c>norm2.*</c>.
/// </summary>
public sealed class TransformerEncoderLayer : TransformerBlock
{
    private readonly FeedForward _feedForward;
    private readonly TransformerNorm _firstNorm;
    private readonly TransformerNorm _secondNorm;

    /// <summary>Creates a layer.</summary>
    /// <param name="options">What it is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive or does not divide, or a probability is none.</exception>
    public TransformerEncoderLayer(TransformerOptions options, IComputeBackend? backend = null)
        : base(options, backend)
    {
        _feedForward = AddFeedForward();
        _firstNorm = AddNorm("norm1");
        _secondNorm = AddNorm("norm2");
    }

    /// <summary>Computes the layer.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <param name="mask">Which positions a position may attend to.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shape is another, or the mask does not fit.</exception>
    public Variable Forward<TMask>(Variable input, in TMask mask)
        where TMask : struct, IAttentionMask => Forward(input, mask, default(NoModifier));

    /// <summary>Computes the layer with changed scores.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <param name="mask">Which positions a position may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="bias">Added to the scores; null for none.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shape is another, or a policy does not fit.</exception>
    public Variable Forward<TMask, TModifier>(Variable input, in TMask mask, in TModifier modifier, Variable? bias = null)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        LayerInput.CheckSequences(input, nameof(input), "length", Options.Attention.ModelSize);
        using Variable attended = Residual(
            input, _firstNorm,
            static (x, state) => state.SelfAttention.Forward(x, x, x, state.mask, state.modifier, state.bias),
            (SelfAttention, mask, modifier, bias));
        return Residual(attended, _secondNorm, static (x, feedForward) => feedForward.Forward(x), _feedForward);
    }

    /// <summary>Computes the layer for new positions of sequences in a cache; see <see cref="MultiHeadAttention.Forward(Variable, KvCache, ReadOnlySpan{int})"/>.</summary>
    /// <param name="input">The new positions, <c>[batch, length, modelSize]</c>.</param>
    /// <param name="cache">The cache of this layer.</param>
    /// <param name="sequences">The sequence of each batch element.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">A shape or sequence is another than said; the cache has not changed.</exception>
    /// <exception cref="InvalidOperationException"><paramref name="input"/> is on a tape.</exception>
    /// <exception cref="NotSupportedException">The layer does not compute on the processor, where caches are.</exception>
    /// <exception cref="OutOfPagesException">A paged cache has too few free pages; it has not changed.</exception>
    public Variable Forward(Variable input, KvCache cache, ReadOnlySpan<int> sequences) =>
        Forward(input, cache, sequences, default(NoModifier));

    /// <summary>The same with changed scores.</summary>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="input">The new positions, <c>[batch, length, modelSize]</c>.</param>
    /// <param name="cache">The cache of this layer.</param>
    /// <param name="sequences">The sequence of each batch element.</param>
    /// <param name="modifier">Changes each score after scaling, by positions in the sequence.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">As of the call without a modifier, or the modifier does not fit.</exception>
    /// <exception cref="InvalidOperationException"><paramref name="input"/> is on a tape.</exception>
    /// <exception cref="NotSupportedException">The layer does not compute on the processor, where caches are.</exception>
    /// <exception cref="OutOfPagesException">A paged cache has too few free pages; it has not changed.</exception>
    public Variable Forward<TModifier>(Variable input, KvCache cache, ReadOnlySpan<int> sequences, in TModifier modifier)
        where TModifier : struct, IScoreModifier
    {
        SelfAttention.CheckCached(input, cache, sequences, nameof(cache));
        using Variable attended = Residual(
            input, _firstNorm, static (x, state) => state.SelfAttention.Forward(x, state.cache, state.Item3, state.modifier),
            (SelfAttention, cache, sequences.ToArray(), modifier));
        return Residual(attended, _secondNorm, static (x, feedForward) => feedForward.Forward(x), _feedForward);
    }
}
