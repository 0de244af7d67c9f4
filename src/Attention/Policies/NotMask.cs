using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>A query may attend to a key if the mask does not allow it.</summary>
/// <typeparam name="TMask">The mask that is turned round.</typeparam>
/// <param name="mask">The mask that is turned round.</param>
public readonly struct NotMask<TMask>(TMask mask) : IAttentionMask
    where TMask : struct, IAttentionMask
{
    private readonly TMask _mask = mask;

    /// <inheritdoc/>
    public static void CheckCall<TSelf>(in TSelf mask, int batch, int heads, int queryLength, int keyLength)
        where TSelf : struct, IAttentionMask =>
        TMask.CheckCall(in Self.Of<TSelf, NotMask<TMask>>(in mask)._mask, batch, heads, queryLength, keyLength);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key) => !_mask.Allows(batch, head, query, key);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        _mask.Cover(batch, head, queries, keys) switch
        {
            TileCoverage.None => TileCoverage.Full,
            TileCoverage.Full => TileCoverage.None,
            _ => TileCoverage.Mixed,
        };

    /// <inheritdoc/>
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        // What lies outside is what every query sees through the inner mask: the longest fully covered run at each end. Each
        // is found by bisection, which is safe however cautious the inner mask is, since only runs it called full are cut off.
        int start = 0;
        for (int end = keyLength; start < end;)
        {
            int middle = start + ((end - start) / 2) + 1;
            if (_mask.Cover(batch, head, queries, new IndexRange(0, middle)) == TileCoverage.Full)
            {
                start = middle;
            }
            else
            {
                end = middle - 1;
            }
        }

        int last = keyLength;
        for (int low = start; low < last;)
        {
            int middle = low + ((last - low) / 2);
            if (_mask.Cover(batch, head, queries, new IndexRange(middle, keyLength)) == TileCoverage.Full)
            {
                last = middle;
            }
            else
            {
                low = middle + 1;
            }
        }

        return start < last ? new IndexRange(start, last) : IndexRange.Empty;
    }
}
