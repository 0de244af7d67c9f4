using Attention.Policies;

namespace Attention.Comparison.Users;

/// <summary>The causal mask as somebody outside the library would write it.</summary>
internal readonly struct OwnCausalMask : IAttentionMask
{
    /// <inheritdoc/>
    public bool Allows(int batch, int head, int query, int key) => key <= query;

    /// <inheritdoc/>
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        keys.Start >= queries.End ? TileCoverage.None
        : keys.End - 1 <= queries.Start ? TileCoverage.Full
        : TileCoverage.Mixed;

    /// <inheritdoc/>
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        new(0, Math.Min(keyLength, queries.End));
}
