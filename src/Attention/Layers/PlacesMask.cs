using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// A mask of states where attention goes to places, of which there may be fewer or more: it is asked about places that hold a real
/// state, and a place that holds none is not hidden.
/// </summary>
/// <remarks>So a sentence has the same numbers alone and padded, and a mask made for the states fits any number of places.</remarks>
/// <typeparam name="TMask">The mask's type.</typeparam>
/// <param name="mask">The mask of states.</param>
/// <param name="lengths">How many states of each sentence are real.</param>
/// <param name="states">How many states there are, real or not: what the mask was made for.</param>
internal readonly struct PlacesMask<TMask>(TMask mask, int[] lengths, int states) : IAttentionMask
    where TMask : struct, IAttentionMask
{
    private readonly TMask _mask = mask;
    private readonly int[] _lengths = lengths;
    private readonly int _states = states;

    /// <inheritdoc/>
    public static void CheckCall<TSelf>(in TSelf mask, int batch, int heads, int queryLength, int keyLength)
        where TSelf : struct, IAttentionMask
    {
        ref readonly PlacesMask<TMask> self = ref Self.Of<TSelf, PlacesMask<TMask>>(in mask);
        TMask.CheckCall(in self._mask, batch, heads, queryLength, self._states);
    }

    /// <inheritdoc/>
    public bool Allows(int batch, int head, int query, int key) => key >= _lengths[batch] || _mask.Allows(batch, head, query, key);

    /// <inheritdoc/>
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        keys.Start >= _lengths[batch] ? TileCoverage.Full
        : keys.End <= _lengths[batch] ? _mask.Cover(batch, head, queries, keys)
        : TileCoverage.Mixed;

    /// <inheritdoc/>
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        IndexRange all = new(0, keyLength);
        if (_lengths[batch] < keyLength)
        {
            return all;
        }

        IndexRange bounds = _mask.KeyBounds(batch, head, queries, _states).Intersect(all);
        return bounds.IsEmpty ? IndexRange.Empty : bounds;
    }
}
