using Attention.Gemm;

namespace Attention.Tiles;

/// <summary>
/// How the backward pass of relative attention is cut: each key head into parts, runs of its tiles of queries, and the parts
/// into lanes, which work at the same time, each with a set of partial gradients of the tables of its own. It depends on sizes
/// alone, and so do the bits: threads only take lanes.
/// </summary>
internal readonly struct RelativePlan
{
    /// <summary>
    /// Lanes that keep the cores of a usual machine busy. Each costs memory for partial sums, so there are no more than needed.
    /// </summary>
    private const int WantedLanes = 16;

    internal RelativePlan(in AttentionProblem problem, int tileRows)
    {
        TilesPerHead = (int)GemmPlan.Ceiling(problem.QueryLength, tileRows);
        TilesPerKeyHead = checked(TilesPerHead * problem.GroupSize);
        int keyHeads = problem.Heads == 0 ? 0 : checked(problem.Batch * problem.KeyValueHeads);
        Parts = keyHeads == 0 ? 1 : (int)Math.Clamp(GemmPlan.Ceiling(WantedLanes, keyHeads), 1, Math.Max(1, TilesPerKeyHead));
        Units = checked(keyHeads * Parts);
        Lanes = Parts > 1 ? Units : Math.Min(Units, WantedLanes);
    }

    internal int TilesPerHead { get; }

    internal int TilesPerKeyHead { get; }

    /// <summary>Parts of a key head; with more than one, each sums gradients of keys and values of its own.</summary>
    internal int Parts { get; }

    /// <summary>Parts of all key heads of all batch elements.</summary>
    internal int Units { get; }

    internal int Lanes { get; }

    /// <summary>The units of a lane.</summary>
    internal IndexRange UnitsOf(int lane) => new((int)((long)Units * lane / Lanes), (int)((long)Units * (lane + 1) / Lanes));

    /// <summary>The tiles of a part of a key head.</summary>
    internal IndexRange TilesOf(int part) =>
        new((int)((long)TilesPerKeyHead * part / Parts), (int)((long)TilesPerKeyHead * (part + 1) / Parts));
}
