using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// Causal attention that starts anew at every chunk: with <c>p = query + offset</c>, a query may attend to
/// <c>key &lt;= p</c> where <c>floor(key / chunkSize) = floor(p / chunkSize)</c>.
/// </summary>
/// <remarks>
/// The offset means what it means for <see cref="CausalMask"/>. The default value has chunks of one key. A row with
/// <c>query + offset &lt; 0</c>, or whose chunk lies past the last key, sees no key: its output is 0 and its log-sum-exp
/// negative infinity.
/// </remarks>
public readonly struct ChunkedMask : IAttentionMask
{
    private readonly BatchValues _offsets;

    // One less, so that the default value is a chunk size too.
    private readonly int _chunkSizeMinusOne;

    /// <summary>Chunks with the same offset for every batch element.</summary>
    /// <param name="chunkSize">How many keys belong to a chunk; the first chunk starts at key 0.</param>
    /// <param name="offset">The key that stands beside query 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="chunkSize"/> is not positive.</exception>
    public ChunkedMask(int chunkSize, int offset = 0)
        : this(chunkSize, new BatchValues(offset))
    {
    }

    private ChunkedMask(int chunkSize, BatchValues offsets)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(chunkSize);
        _chunkSizeMinusOne = chunkSize - 1;
        _offsets = offsets;
    }

    /// <inheritdoc/>
    public static bool IsInterval => true;

    /// <summary>Chunks with an own offset for every batch element or packed sequence.</summary>
    /// <param name="chunkSize">How many keys belong to a chunk; the first chunk starts at key 0.</param>
    /// <param name="offsets">
    /// The offsets, shape <c>[batch]</c>. The array is kept, not copied: it may be changed between calls, not during one.
    /// </param>
    /// <returns>The mask.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="chunkSize"/> is not positive.</exception>
    /// <exception cref="ArgumentNullException"><paramref name="offsets"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="offsets"/> is empty.</exception>
    public static ChunkedMask PerBatch(int chunkSize, int[] offsets) =>
        new(chunkSize, BatchValues.Create(offsets, nameof(offsets), allowNegative: true));

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask =>
        Self.Of<TMask, ChunkedMask>(in mask)._offsets.CheckBatch(batch, nameof(mask), "offsets");

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key)
    {
        long position = (long)query + _offsets[batch];
        return key <= position && key >= ChunkStart(position);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        // The runs of neighbouring queries overlap or touch, so their union has no gap; positions before key 0 see nothing.
        long first = (long)queries.Start + _offsets[batch];
        long last = (long)queries.End - 1 + _offsets[batch];
        return last < 0
            ? TileCoverage.None
            : Runs.Cover(keys, ChunkStart(last), first + 1, ChunkStart(Math.Max(first, 0)), last + 1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        long first = (long)queries.Start + _offsets[batch];
        long last = (long)queries.End - 1 + _offsets[batch];
        return last < 0 ? IndexRange.Empty : Runs.Cut(ChunkStart(Math.Max(first, 0)), last + 1, keyLength);
    }

    // Positions from 0 on fit 32 unsigned bits, whose division is the quick one.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private long ChunkStart(long position) => position - ((uint)position % ((uint)_chunkSizeMinusOne + 1));
}
