using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>A user's mask of padding on both sides: only the first queries and the first keys exist.</summary>
internal readonly struct RectangleMask(int queryCount, int keyCount) : IAttentionMask
{
    public bool Allows(int batch, int head, int query, int key) => query < queryCount && key < keyCount;

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        queries.Start >= queryCount || keys.Start >= keyCount ? TileCoverage.None
        : queries.End <= queryCount && keys.End <= keyCount ? TileCoverage.Full
        : TileCoverage.Mixed;

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        queries.Start >= queryCount ? IndexRange.Empty : new IndexRange(0, Math.Min(keyCount, keyLength));
}
