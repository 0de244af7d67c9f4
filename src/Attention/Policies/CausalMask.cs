using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// A query may attend to itself and what came before: <c>key &lt;= query + offset</c>. The offset says which key stands
/// beside query 0, so that nothing has to be guessed when there are more keys than queries.
/// </summary>
/// <remarks>
/// The default value is <see cref="TopLeft"/>. A row with <c>query + offset &lt; 0</c> sees no key: its output is 0 and its
/// log-sum-exp negative infinity.
/// </remarks>
public readonly struct CausalMask : IAttentionMask
{
    private readonly BatchValues _offsets;

    /// <summary>A causal mask with the same offset for every batch element.</summary>
    /// <param name="offset">The key that stands beside query 0; with a cache, how many keys were there before the queries.</param>
    public CausalMask(int offset)
    {
        _offsets = new BatchValues(offset);
    }

    private CausalMask(BatchValues offsets)
    {
        _offsets = offsets;
    }

    /// <summary>The first query stands beside the first key: offset 0.</summary>
    public static CausalMask TopLeft => default;

    /// <inheritdoc/>
    public static bool IsInterval => true;

    /// <summary>
    /// The last query stands beside the last key: offset <paramref name="keyLength"/> - <paramref name="queryLength"/>.
    /// </summary>
    /// <param name="queryLength">How many queries there are.</param>
    /// <param name="keyLength">How many keys there are; with fewer keys than queries the first queries see none.</param>
    /// <returns>The mask.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A length is negative.</exception>
    public static CausalMask BottomRight(int queryLength, int keyLength)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(queryLength);
        ArgumentOutOfRangeException.ThrowIfNegative(keyLength);
        return new CausalMask(keyLength - queryLength);
    }

    /// <summary>
    /// A causal mask with an own offset for every batch element or packed sequence, such as the lengths of caches.
    /// </summary>
    /// <param name="offsets">
    /// The offsets, shape <c>[batch]</c>. The array is kept, not copied: it may be changed between calls, not during one.
    /// </param>
    /// <returns>The mask.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="offsets"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="offsets"/> is empty.</exception>
    public static CausalMask PerBatch(int[] offsets) => new(BatchValues.Create(offsets, nameof(offsets), allowNegative: true));

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask =>
        Self.Of<TMask, CausalMask>(in mask)._offsets.CheckBatch(batch, nameof(mask), "offsets");

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key) => key <= (long)query + _offsets[batch];

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        long offset = _offsets[batch];
        return Runs.Cover(keys, 0, queries.Start + offset + 1, 0, queries.End + offset);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        Runs.Cut(0, (long)queries.End + _offsets[batch], keyLength);
}
