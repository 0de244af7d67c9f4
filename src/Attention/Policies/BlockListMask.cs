using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>A mask that looks up its tiles in a <see cref="BlockList"/> instead of working them out.</summary>
/// <typeparam name="TMask">The mask that the list was built from.</typeparam>
/// <remarks>
/// Single pairs, and the key bounds of single queries where those are exact, are still asked of the inner mask. It serves
/// calls of at most the sizes of the list. The default value has no list and fits no call.
/// </remarks>
public readonly struct BlockListMask<TMask> : IAttentionMask
    where TMask : struct, IAttentionMask
{
    private readonly TMask _mask;
    private readonly BlockList _list;

    /// <summary>Joins a mask and its list.</summary>
    /// <param name="mask">The mask that <paramref name="list"/> was built from.</param>
    /// <param name="list">Its blocks.</param>
    /// <exception cref="ArgumentNullException"><paramref name="list"/> is null.</exception>
    public BlockListMask(TMask mask, BlockList list)
    {
        ArgumentNullException.ThrowIfNull(list);
        _mask = mask;
        _list = list;
    }

    /// <inheritdoc/>
    public static bool IsInterval => TMask.IsInterval;

    /// <summary>The blocks.</summary>
    public BlockList List => _list;

    /// <inheritdoc/>
    public static void CheckCall<TSelf>(in TSelf mask, int batch, int heads, int queryLength, int keyLength)
        where TSelf : struct, IAttentionMask
    {
        ref readonly BlockListMask<TMask> self = ref Self.Of<TSelf, BlockListMask<TMask>>(in mask);
        if (self._list is not BlockList list)
        {
            throw new ArgumentException($"'{nameof(mask)}' is a default value without a block list.", nameof(mask));
        }

        if ((batch > list.Batch && !list.SharesBatch) || (heads > list.Heads && !list.SharesHeads)
            || queryLength > list.QueryLength || keyLength > list.KeyLength)
        {
            throw new ArgumentException(
                $"'{nameof(mask)}' has a block list for {list.Batch} batch elements, {list.Heads} heads, {list.QueryLength} queries and "
                + $"{list.KeyLength} keys; the call has {batch}, {heads}, {queryLength} and {keyLength}.",
                nameof(mask));
        }

        TMask.CheckCall(in self._mask, batch, heads, queryLength, keyLength);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key) => _mask.Allows(batch, head, query, key);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => _list.Cover(batch, head, queries, keys);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        TMask.IsInterval && queries.Length == 1
            ? _mask.KeyBounds(batch, head, queries, keyLength)
            : _list.KeyBounds(batch, head, queries, keyLength);
}
