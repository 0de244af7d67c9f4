using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>The first keys of each batch element are real and the rest padding: <c>key &lt; length[batch]</c>.</summary>
/// <remarks>
/// A length of 0 is allowed: every row of that batch element then sees no key, its output is 0 and its log-sum-exp negative
/// infinity. What padding holds, NaN included, never reaches a result. The default value has length 0.
/// </remarks>
public readonly struct KeyLengthMask : IAttentionMask
{
    private readonly BatchValues _lengths;

    /// <summary>The same length for every batch element.</summary>
    /// <param name="length">How many keys are real.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="length"/> is negative.</exception>
    public KeyLengthMask(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        _lengths = new BatchValues(length);
    }

    /// <summary>An own length for every batch element.</summary>
    /// <param name="lengths">
    /// How many keys are real, shape <c>[batch]</c>. The array is kept, not copied: it may be changed between calls, not
    /// during one.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="lengths"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="lengths"/> is empty or has a negative entry.</exception>
    public KeyLengthMask(int[] lengths)
    {
        _lengths = BatchValues.Create(lengths, nameof(lengths), allowNegative: false);
    }

    /// <inheritdoc/>
    public static bool IsInterval => true;

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask
    {
        ref readonly KeyLengthMask self = ref Self.Of<TMask, KeyLengthMask>(in mask);
        self._lengths.CheckBatch(batch, nameof(mask), "key lengths");
        self._lengths.CheckRange(batch, keyLength, nameof(mask), "key lengths");
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key) => key < _lengths[batch];

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        int length = _lengths[batch];
        return Runs.Cover(keys, 0, length, 0, length);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        Runs.Cut(0, _lengths[batch], keyLength);
}
