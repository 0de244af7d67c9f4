using Attention.Autodiff;
using Attention.Backends;
using Attention.Caching;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Layers;

public sealed partial class MultiHeadAttention
{
    /// <summary>What a cache for this layer is made with: its sizes, and the threads of its backend.</summary>
    /// <param name="storage">How keys and values are stored.</param>
    public KvCacheOptions CacheOptions(KvStorage storage = KvStorage.Float32) =>
        new()
        {
            KeyValueHeads = _keyValueHeads,
            HeadSize = _headSize,
            ValueSize = _headSize,
            Storage = storage,
            MaxDegreeOfParallelism = (Backend as CpuBackend)?.With(default).MaxDegreeOfParallelism ?? 0,
        };

    /// <summary>
    /// Causal self-attention of new positions to all that a cache holds, and to each other; their keys and values are added to
    /// the cache first. Inference only.
    /// </summary>
    /// <remarks>
    /// A call that fails takes back what it appended; a <see cref="RollingKvCache"/> may have forgotten by then what its window no
    /// longer reaches. Variables and tensors are objects that a call makes; where a step must allocate nothing, call
    /// <see cref="CachedAttention"/> itself.
    /// </remarks>
    /// <param name="input">The new positions, <c>[batch, length, modelSize]</c>.</param>
    /// <param name="cache">The cache of this layer.</param>
    /// <param name="sequences">The sequence of each batch element; rotary positions go on where it ends.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">
    /// A shape is another, a sequence is not in the cache or named twice, or the cache has other heads or sizes; the cache has not changed.
    /// </exception>
    /// <exception cref="InvalidOperationException"><paramref name="input"/> is on a tape: what a cache forgets has no gradient.</exception>
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
    /// <exception cref="ArgumentException">
    /// A shape is another, a sequence is not in the cache or named twice, the cache has other heads or sizes, or the modifier does not
    /// fit; the cache has not changed.
    /// </exception>
    /// <exception cref="InvalidOperationException"><paramref name="input"/> is on a tape.</exception>
    /// <exception cref="NotSupportedException">The layer does not compute on the processor, where caches are.</exception>
    /// <exception cref="OutOfPagesException">A paged cache has too few free pages; it has not changed.</exception>
    public Variable Forward<TModifier>(Variable input, KvCache cache, ReadOnlySpan<int> sequences, in TModifier modifier)
        where TModifier : struct, IScoreModifier
    {
        CheckCached(input, cache, sequences, nameof(cache));
        int length = (int)input.Data.Lengths[1];
        int[] ends = SequenceEnds.Of(cache, sequences);
        int[] positions = _options.Rotary is null ? [] : SequenceEnds.Positions(ends, length);
        using HeadProjection heads = Project(input, input, input, 0, positions);
        using DeviceTensor joined = DeviceTensor.Allocate(
            Backend, input.Data.Lengths[0], length, _options.Heads, _headSize);
        using Variable attended = Variable.Constant(joined.Transpose(1, 2));
        cache.Append(sequences, CpuBackend.Span(heads.Key.Data), CpuBackend.Span(heads.Value.Data));
        try
        {
            CachedAttention.Forward(
                cache, sequences, CpuBackend.Span(heads.Query.Data), default, default, modifier, default,
                CpuBackend.Span(attended.Data), default, ((CpuBackend)Backend).With(new AttentionOptions { Scale = _options.Scale }));
        }
        catch
        {
            // A modifier may refuse the lengths that the sequences have only now.
            SequenceEnds.Restore(cache, sequences, ends);
            throw;
        }

        GC.KeepAlive(heads);
        return Join(input, attended);
    }

    /// <summary>Everything that can be refused before something is computed.</summary>
    /// <param name="input">The new positions.</param>
    /// <param name="cache">The cache.</param>
    /// <param name="sequences">The sequences.</param>
    /// <param name="name">What the caller calls the cache.</param>
    internal void CheckCached(Variable input, KvCache cache, ReadOnlySpan<int> sequences, string name)
    {
        RequireNoRelativePositions("cache");
        LayerInput.CheckSequences(input, nameof(input), "length", _options.ModelSize);
        ArgumentNullException.ThrowIfNull(cache, name);
        if (input.Tape is not null)
        {
            throw new InvalidOperationException("Attention to a cache has no gradient; detach the input, or compute without the cache.");
        }

        if (Backend is not CpuBackend)
        {
            throw new NotSupportedException($"Caches lie in the host's memory; this layer computes on {Backend.Name}.");
        }

        if (sequences.Length != input.Data.Lengths[0])
        {
            throw new ArgumentException(
                $"'{nameof(sequences)}' names {sequences.Length} sequences; '{nameof(input)}' has {input.Data.Lengths[0]}.", nameof(sequences));
        }

        if (cache.KeyValueHeads != _keyValueHeads || cache.HeadSize != _headSize || cache.ValueSize != _headSize)
        {
            throw new ArgumentException(
                $"'{name}' has {cache.KeyValueHeads} key heads of size {cache.HeadSize} and values of size {cache.ValueSize}; expected {_keyValueHeads}, {_headSize} and {_headSize}.",
                name);
        }

        foreach (int sequence in sequences)
        {
            _ = cache.Find(sequence, nameof(sequences));
        }

        CacheCheck.Distinct(sequences, nameof(sequences));
    }
}
