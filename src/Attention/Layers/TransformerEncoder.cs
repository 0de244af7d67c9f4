using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// A stack of encoder layers, and a last normalisation where they normalise before (or
/// <see cref="TransformerOptions.HasLastNorm"/> says so). With a <see cref="CausalMask"/> it is a decoder-only
/// Transformer. Parameters: <c>layers.0.*</c> ..., and <c>norm.*</c>.
/// </summary>
public sealed class TransformerEncoder : Layer
{
    private readonly TransformerEncoderLayer[] _layers;
    private readonly TransformerNorm? _norm;

    /// <summary>Creates a stack.</summary>
    /// <param name="layers">How many layers.</param>
    /// <param name="options">What each is made of.</param>
    /// <param name="backend">Where it computes; null for <see cref="CpuBackend.Shared"/>.</param>
    /// <exception cref="ArgumentException">A size is not positive or does not divide, or a probability is none.</exception>
    public TransformerEncoder(int layers, TransformerOptions options, IComputeBackend? backend = null)
        : base(backend ?? CpuBackend.Shared)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(layers);
        ArgumentNullException.ThrowIfNull(options);
        _layers = new TransformerEncoderLayer[layers];
        for (int i = 0; i < layers; i++)
        {
            _layers[i] = AddLayer($"layers.{i}", new TransformerEncoderLayer(options with { Seed = Initial.Seed(options.Seed, i) }, Backend));
        }

        _norm = TransformerBlock.LastNorm(options, Backend) is { } norm ? AddLayer("norm", norm) : null;
    }

    /// <summary>The layers, first to last.</summary>
    public IReadOnlyList<TransformerEncoderLayer> Layers => _layers;

    /// <summary>Computes the stack.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <param name="mask">Which positions a position may attend to.</param>
    /// <param name="recompute">Whether to keep nothing of a layer's inside for the way back, but compute it again.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shape is another, or the mask does not fit.</exception>
    public Variable Forward<TMask>(Variable input, TMask mask, bool recompute = false)
        where TMask : struct, IAttentionMask => Forward(input, mask, default(NoModifier), recompute);

    /// <summary>Computes the stack with changed scores, the same in every layer.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="input"><c>[batch, length, modelSize]</c>.</param>
    /// <param name="mask">Which positions a position may attend to.</param>
    /// <param name="modifier">Changes each score after scaling, as <see cref="AlibiModifier"/> does.</param>
    /// <param name="recompute">Whether to keep nothing of a layer's inside for the way back, but compute it again.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shape is another, or a policy does not fit.</exception>
    public Variable Forward<TMask, TModifier>(Variable input, TMask mask, TModifier modifier, bool recompute = false)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ArgumentNullException.ThrowIfNull(input);
        Variable current = input;
        foreach (TransformerEncoderLayer layer in _layers)
        {
            Variable next = recompute
                ? Differentiable.Checkpoint(x => layer.Forward(x, mask, modifier), current)
                : layer.Forward(current, mask, modifier);
            Release(current, input);
            current = next;
        }

        return _norm is null ? current : Last(current);
    }

    /// <summary>
    /// Computes the stack for new positions of sequences in caches: a decoder-only Transformer at work. Prefill in one call, in
    /// parts, and token by token give the same bits for the same storage.
    /// </summary>
    /// <param name="input">The new positions, <c>[batch, length, modelSize]</c>.</param>
    /// <param name="caches">A cache for each layer, in which the sequences have the same numbers and lengths.</param>
    /// <param name="sequences">The sequence of each batch element.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">
    /// There are not as many caches as layers, one is there twice or does not fit its layer, or a shape or sequence is another than
    /// said; no cache has changed.
    /// </exception>
    /// <exception cref="InvalidOperationException"><paramref name="input"/> is on a tape.</exception>
    /// <exception cref="NotSupportedException">The layers do not compute on the processor, where caches are.</exception>
    /// <exception cref="OutOfPagesException">A paged cache has too few free pages; every sequence is as long as before in every cache.</exception>
    public Variable Forward(Variable input, IReadOnlyList<KvCache> caches, ReadOnlySpan<int> sequences) =>
        Forward(input, caches, sequences, default(NoModifier));

    /// <summary>The same with changed scores, the same in every layer.</summary>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="input">The new positions, <c>[batch, length, modelSize]</c>.</param>
    /// <param name="caches">A cache for each layer.</param>
    /// <param name="sequences">The sequence of each batch element.</param>
    /// <param name="modifier">Changes each score after scaling, by positions in the sequence.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">As of the call without a modifier, or the modifier does not fit.</exception>
    /// <exception cref="InvalidOperationException"><paramref name="input"/> is on a tape.</exception>
    /// <exception cref="NotSupportedException">The layers do not compute on the processor, where caches are.</exception>
    /// <exception cref="OutOfPagesException">A paged cache has too few free pages; every sequence is as long as before in every cache.</exception>
    public Variable Forward<TModifier>(Variable input, IReadOnlyList<KvCache> caches, ReadOnlySpan<int> sequences, in TModifier modifier)
        where TModifier : struct, IScoreModifier
    {
        int[] ends = CheckCached(input, caches, sequences);
        Variable current = input;
        try
        {
            for (int i = 0; i < _layers.Length; i++)
            {
                Variable next = _layers[i].Forward(current, caches[i], sequences, modifier);
                Release(current, input);
                current = next;
            }

            return _norm is null ? current : Last(current);
        }
        catch
        {
            Release(current, input);
            foreach (KvCache cache in caches)
            {
                SequenceEnds.Restore(cache, sequences, ends);
            }

            throw;
        }
    }

    /// <summary>Checks every cache before the first one grows; returns where the sequences end.</summary>
    private int[] CheckCached(Variable input, IReadOnlyList<KvCache> caches, ReadOnlySpan<int> sequences)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(caches);
        if (caches.Count != _layers.Length)
        {
            throw new ArgumentException($"'{nameof(caches)}' has {caches.Count}; expected one for each of the {_layers.Length} layers.", nameof(caches));
        }

        int[] ends = [];
        for (int i = 0; i < _layers.Length; i++)
        {
            _layers[i].SelfAttention.CheckCached(input, caches[i], sequences, nameof(caches));
            int[] own = SequenceEnds.Of(caches[i], sequences);
            ends = i == 0 ? own : ends;
            if (!own.AsSpan().SequenceEqual(ends))
            {
                throw new ArgumentException(
                    $"'{nameof(caches)}' hold [{string.Join(", ", own)}] tokens of the sequences for layer {i} and [{string.Join(", ", ends)}] for layer 0.", nameof(caches));
            }

            for (int earlier = 0; earlier < i; earlier++)
            {
                if (ReferenceEquals(caches[earlier], caches[i]))
                {
                    throw new ArgumentException($"'{nameof(caches)}' has one cache for the layers {earlier} and {i}; expected one for each.", nameof(caches));
                }
            }
        }

        return ends;
    }

    private static void Release(Variable variable, Variable input)
    {
        if (!ReferenceEquals(variable, input))
        {
            variable.Dispose();
        }
    }

    private Variable Last(Variable current)
    {
        using (current)
        {
            return _norm!.Forward(current);
        }
    }
}
