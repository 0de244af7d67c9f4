using Attention.Policies;

namespace Attention.PublicApi.Tests;

/// <summary>What a user writes to have a causal mask of their own.</summary>
internal readonly struct CausalByHand : IAttentionMask
{
    public static bool IsInterval => true;

    public bool Allows(int batch, int head, int query, int key) => key <= query;

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        keys.End <= queries.Start + 1 ? TileCoverage.Full : keys.Start >= queries.End ? TileCoverage.None : TileCoverage.Mixed;

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, Math.Min(queries.End, keyLength));
}
