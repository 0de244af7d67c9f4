using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>A user's mask without any knowledge of tiles: two of three pairs are allowed.</summary>
internal readonly struct CheckerboardMask : IAttentionMask
{
    public bool Allows(int batch, int head, int query, int key) => (batch + head + query + (2 * key)) % 3 != 0;

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
}
