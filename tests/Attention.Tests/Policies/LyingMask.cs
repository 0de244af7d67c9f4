using Attention.Policies;

namespace Attention.Tests.Policies;

/// <summary>What a <see cref="LyingMask"/> says wrongly.</summary>
public enum Lie
{
    /// <summary>Nothing.</summary>
    Nothing,

    /// <summary>Calls tiles full that reach one key past the diagonal.</summary>
    FullTooSoon,

    /// <summary>Calls tiles empty that hold the last allowed key.</summary>
    EmptyTooSoon,

    /// <summary>Leaves the last allowed key out of the bounds of several queries.</summary>
    BoundsTooNarrow,

    /// <summary>Says that nothing is allowed in the row of query 2.</summary>
    BoundsEmpty,

    /// <summary>Gives bounds past the last key.</summary>
    BoundsPastTheEnd,

    /// <summary>Lies like <see cref="FullTooSoon"/>, but for the last head of the last batch element only.</summary>
    OnlyTheLastHead,
}

/// <summary>A causal mask that lies.</summary>
internal readonly struct LyingMask(Lie lie) : IAttentionMask
{
    public bool Allows(int batch, int head, int query, int key) => key <= query;

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        int full = queries.Start + 1;
        int empty = queries.End;
        if (lie == Lie.FullTooSoon || (lie == Lie.OnlyTheLastHead && batch == 1 && head == 2))
        {
            full++;
        }

        if (lie == Lie.EmptyTooSoon)
        {
            empty--;
        }

        return keys.End <= full ? TileCoverage.Full : keys.Start >= empty ? TileCoverage.None : TileCoverage.Mixed;
    }

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        int end = Math.Min(queries.End, keyLength);
        return lie switch
        {
            Lie.BoundsTooNarrow when queries.Length > 1 => new IndexRange(0, end - 1),
            Lie.BoundsEmpty when queries == new IndexRange(2, 3) => IndexRange.Empty,
            Lie.BoundsPastTheEnd => new IndexRange(0, queries.End),
            _ => new IndexRange(0, end),
        };
    }
}
