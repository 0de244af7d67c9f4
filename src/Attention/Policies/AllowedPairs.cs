namespace Attention.Policies;

/// <summary>
/// What <see cref="IAttentionMask.Allows"/> says in a rectangle, as running sums, so that any tile inside is counted with
/// four look-ups.
/// </summary>
internal sealed class AllowedPairs
{
    private readonly int[] _sums;
    private readonly int _width;

    private AllowedPairs(int batch, int head, IndexRange queries, IndexRange keys)
    {
        (Batch, Head, Queries, Keys) = (batch, head, queries, keys);
        _width = keys.Length + 1;
        _sums = new int[(queries.Length + 1) * _width];
    }

    public int Batch { get; }

    public int Head { get; }

    public IndexRange Queries { get; }

    public IndexRange Keys { get; }

    public static AllowedPairs Read<TMask>(in TMask mask, int batch, int head, IndexRange queries, IndexRange keys)
        where TMask : struct, IAttentionMask
    {
        AllowedPairs pairs = new(batch, head, queries, keys);
        int[] sums = pairs._sums;
        int width = pairs._width;
        for (int query = 0; query < queries.Length; query++)
        {
            int inRow = 0;
            for (int key = 0; key < keys.Length; key++)
            {
                inRow += mask.Allows(batch, head, queries.Start + query, keys.Start + key) ? 1 : 0;
                sums[((query + 1) * width) + key + 1] = sums[(query * width) + key + 1] + inRow;
            }
        }

        return pairs;
    }

    /// <summary>Counts the allowed pairs of a tile; what lies outside the rectangle does not count.</summary>
    public int Count(IndexRange queries, IndexRange keys)
    {
        queries = queries.Intersect(Queries);
        keys = keys.Intersect(Keys);
        if (queries.IsEmpty || keys.IsEmpty)
        {
            return 0;
        }

        int top = (queries.Start - Queries.Start) * _width;
        int bottom = (queries.End - Queries.Start) * _width;
        int left = keys.Start - Keys.Start;
        int right = keys.End - Keys.Start;
        return _sums[bottom + right] - _sums[top + right] - _sums[bottom + left] + _sums[top + left];
    }

    /// <summary>The first pair of a tile, row by row, that is allowed or is not; there must be one.</summary>
    public (int Query, int Key) Find(IndexRange queries, IndexRange keys, bool allowed)
    {
        queries = queries.Intersect(Queries);
        keys = keys.Intersect(Keys);
        for (int query = queries.Start; query < queries.End; query++)
        {
            for (int key = keys.Start; key < keys.End; key++)
            {
                if ((Count(new IndexRange(query, query + 1), new IndexRange(key, key + 1)) == 1) == allowed)
                {
                    return (query, key);
                }
            }
        }

        throw new ArgumentException($"The tile has no pair that is {(allowed ? "allowed" : "hidden")}.", nameof(allowed));
    }
}
