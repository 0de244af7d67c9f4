using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>A user's mask that hides everything from every fifth query, and a stretch of keys from all others.</summary>
internal readonly struct SparseRowsMask : IAttentionMask
{
    private const int FirstHidden = 5;
    private const int EndHidden = 150;

    public bool Allows(int batch, int head, int query, int key) =>
        query % 5 != 0 && key is < FirstHidden or >= EndHidden && query % 5 != 0;

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        keys.Start >= FirstHidden && keys.End <= EndHidden ? TileCoverage.None : TileCoverage.Mixed;

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        queries.Length == 1 && queries.Start % 5 == 0 ? IndexRange.Empty : new IndexRange(0, keyLength);
}
