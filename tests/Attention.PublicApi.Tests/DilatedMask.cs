using Attention.Policies;

namespace Attention.PublicApi.Tests;

/// <summary>What a user writes to see every <c>step</c>-th of the keys before the query, <c>count</c> of them.</summary>
internal readonly struct DilatedMask(int step, int count) : IAttentionMask
{
    public bool Allows(int batch, int head, int query, int key) =>
        key <= query && (query - key) % step == 0 && (query - key) / step < count;

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        KeyBounds(batch, head, queries, keys.End).End <= keys.Start ? TileCoverage.None : TileCoverage.Mixed;

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        new(Math.Max(0, queries.Start - (step * (count - 1))), Math.Min(queries.End, keyLength));
}
