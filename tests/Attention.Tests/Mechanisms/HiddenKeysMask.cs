using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>Hides every fifth key from all queries, and all keys from query 1: no runs, and it is asked pair by pair.</summary>
internal readonly struct HiddenKeysMask : IAttentionMask
{
    public static bool IsHidden(int key) => key % 5 == 2;

    public bool Allows(int batch, int head, int query, int key) => query != 1 && !IsHidden(key);

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
}
