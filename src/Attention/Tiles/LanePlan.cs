using Attention.Gemm;

namespace Attention.Tiles;

/// <summary>
/// How the backward passes of relative and of additive attention are cut: each key head into parts, runs of its tiles of queries, and all of them
/// into lanes, which work at the same time, each with a set of partial gradients of the tables of its own. It depends on sizes
/// alone, and so do the bits: threads only take lanes. The parts depend on the sizes of one key head alone, and are always added
/// up in their order, so that the gradients of keys and values do not depend on the batch around them either.
/// </summary>
internal readonly struct LanePlan
{
    /// <summary>
    /// Lanes that keep the cores of a usual machine busy. Each costs memory for partial sums, so there are no more than needed.
    /// </summary>
    private const int WantedLanes = 16;

    private readonly int _keyHeads;

    internal LanePlan(in AttentionProblem problem, int tileRows)
    {
        TilesPerHead = (int)GemmPlan.Ceiling(problem.QueryLength, tileRows);
        TilesPerKeyHead = checked(TilesPerHead * problem.GroupSize);
        Parts = Math.Clamp(TilesPerKeyHead, 1, WantedLanes);
        _keyHeads = problem.Heads == 0 ? 0 : checked(problem.Batch * problem.KeyValueHeads);
        Units = checked(_keyHeads * Parts);
        IsSpread = _keyHeads < WantedLanes;
        Lanes = Math.Min(IsSpread ? Units : _keyHeads, WantedLanes);
    }

    internal int TilesPerHead { get; }

    internal int TilesPerKeyHead { get; }

    /// <summary>Parts of a key head, each of which sums gradients of keys and values by itself.</summary>
    internal int Parts { get; }

    /// <summary>Parts of all key heads of all batch elements.</summary>
    internal int Units { get; }

    /// <summary>
    /// Whether the parts of a key head may fall into several lanes. Each then has memory of its own and is added up at the end;
    /// otherwise a lane takes whole key heads and adds each part up when it is done.
    /// </summary>
    internal bool IsSpread { get; }

    internal int Lanes { get; }

    /// <summary>How many parts have memory at the same time.</summary>
    internal int PartsInMemory => IsSpread ? Units : Lanes;

    /// <summary>The units of a lane.</summary>
    internal IndexRange UnitsOf(int lane) => IsSpread
        ? new((int)((long)Units * lane / Lanes), (int)((long)Units * (lane + 1) / Lanes))
        : new((int)((long)_keyHeads * lane / Lanes) * Parts, (int)((long)_keyHeads * (lane + 1) / Lanes) * Parts);

    /// <summary>The tiles of a part of a key head.</summary>
    internal IndexRange TilesOf(int part) =>
        new((int)((long)TilesPerKeyHead * part / Parts), (int)((long)TilesPerKeyHead * (part + 1) / Parts));
}
