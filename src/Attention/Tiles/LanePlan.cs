using Attention.Gemm;

namespace Attention.Tiles;

/// <summary>
/// How the backward passes of relative, additive and normalised attention are cut: each key head into parts, runs of its tiles of queries, and all of them
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
    private readonly int _keyValueHeads;
    private readonly int _groupSize;
    private readonly int _queryLength;
    private readonly int _tileRows;
    private readonly int _tilesPerHead;
    private readonly int _tilesPerKeyHead;

    internal LanePlan(in AttentionProblem problem, int tileRows)
    {
        _keyValueHeads = problem.KeyValueHeads;
        _groupSize = problem.GroupSize;
        _queryLength = problem.QueryLength;
        _tileRows = tileRows;
        _tilesPerHead = (int)GemmPlan.Ceiling(problem.QueryLength, tileRows);
        _tilesPerKeyHead = checked(_tilesPerHead * problem.GroupSize);
        Parts = Math.Clamp(_tilesPerKeyHead, 1, WantedLanes);
        _keyHeads = problem.Heads == 0 ? 0 : checked(problem.Batch * problem.KeyValueHeads);
        Units = checked(_keyHeads * Parts);
        IsSpread = _keyHeads < WantedLanes;
        Lanes = Math.Min(IsSpread ? Units : _keyHeads, WantedLanes);
    }

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

    /// <summary>A unit as its lane meets it.</summary>
    internal LanePart Part(int lane, int unit)
    {
        (int pair, int part) = Math.DivRem(unit, Parts);
        (int batch, int keyHead) = Math.DivRem(pair, _keyValueHeads);
        IndexRange tiles = new((int)((long)_tilesPerKeyHead * part / Parts), (int)((long)_tilesPerKeyHead * (part + 1) / Parts));
        return new LanePart(batch, keyHead, IsSpread ? unit : lane, part == 0, tiles);
    }

    /// <summary>One of the tiles of a part.</summary>
    internal WorkItem Item(in LanePart part, int tile)
    {
        (int head, int number) = Math.DivRem(tile, _tilesPerHead);
        IndexRange queries = new(number * _tileRows, Math.Min((number + 1) * _tileRows, _queryLength));
        return new WorkItem(part.Batch, part.KeyHead * _groupSize + head, queries);
    }
}

/// <summary>A part of a key head.</summary>
/// <param name="Batch">The batch element.</param>
/// <param name="KeyHead">The key head.</param>
/// <param name="Memory">The number of the memory in which it sums.</param>
/// <param name="IsFirst">Whether it is the first part of its key head, which finds the gradients unwritten.</param>
/// <param name="Tiles">Its tiles of queries; none where there are no queries.</param>
internal readonly record struct LanePart(int Batch, int KeyHead, int Memory, bool IsFirst, IndexRange Tiles);
