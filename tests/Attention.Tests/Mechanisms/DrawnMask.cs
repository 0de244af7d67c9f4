using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>
/// A mask drawn by a seed: every query has a run of keys of its own, empty for some, and where asked for with holes in it. Bounds and
/// coverage are as tight as they can be.
/// </summary>
internal readonly struct DrawnMask(int seed, int keyLength, bool hasHoles) : IAttentionMask
{
    public bool Allows(int batch, int head, int query, int key)
    {
        IndexRange run = Run(batch, head, query);
        return run.Contains(key) && !(hasHoles && HashCode(batch, head, query, key) % 4 == 0);
    }

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        int allowed = 0;
        for (int query = queries.Start; query < queries.End; query++)
        {
            for (int key = keys.Start; key < keys.End; key++)
            {
                allowed += Allows(batch, head, query, key) ? 1 : 0;
            }
        }

        return allowed == 0 ? TileCoverage.None : allowed == queries.Length * keys.Length ? TileCoverage.Full : TileCoverage.Mixed;
    }

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int length)
    {
        int start = length;
        int end = 0;
        for (int query = queries.Start; query < queries.End; query++)
        {
            IndexRange run = Run(batch, head, query).Intersect(new IndexRange(0, length));
            start = run.IsEmpty ? start : Math.Min(start, run.Start);
            end = run.IsEmpty ? end : Math.Max(end, run.End);
        }

        return start < end ? new IndexRange(start, end) : IndexRange.Empty;
    }

    private IndexRange Run(int batch, int head, int query)
    {
        if (keyLength == 0 || HashCode(batch, head, query, -1) % 6 == 0)
        {
            return IndexRange.Empty;
        }

        int first = HashCode(batch, head, query, -2) % keyLength;
        int second = HashCode(batch, head, query, -3) % keyLength;
        return new IndexRange(Math.Min(first, second), Math.Max(first, second) + 1);
    }

    private int HashCode(int batch, int head, int query, int key)
    {
        uint hash = (uint)seed;
        foreach (int number in (ReadOnlySpan<int>)[batch, head, query, key])
        {
            hash = (hash ^ (uint)number) * 0x9E3779B1;
            hash ^= hash >> 15;
        }

        return (int)(hash >> 1);
    }
}
