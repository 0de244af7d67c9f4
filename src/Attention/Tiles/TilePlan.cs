using Attention.Gemm;

namespace Attention.Tiles;

/// <summary>How a problem is cut into tiles. What the bits depend on, blocks and groups, follows from sizes and vector width alone.</summary>
internal readonly struct TilePlan
{
    /// <summary>
    /// Keys and values of a block, in floats together: 256 KB, half of the smallest second-level cache (512 KB). Larger blocks
    /// mean fewer turns of rescaling and adding to the accumulators.
    /// </summary>
    private const int BlockFloats = 64 * 1024;

    /// <summary>Values whose panel (16 KB at 16 columns) stays in the first-level cache while the strips of a group use it.</summary>
    internal const int ValuePiece = 256;

    /// <summary>Keys of a block at most, which bounds the scores of a group.</summary>
    private const int MaxKeyBlock = 512;

    /// <summary>
    /// Rows of a work item. Every item packs its own keys and values, which costs about one part in <c>2 x rows / 8</c> of its
    /// products, while queries and accumulators, touched once a block, may well come from the third-level cache.
    /// </summary>
    private const int MaxTileRows = 1536;

    /// <summary>Rows of a work item at least, where there are threads to feed.</summary>
    private const int MinTileRows = 192;

    /// <summary>
    /// Rows whose scores are computed together: eight strips share a panel of keys or values while it is in the first-level
    /// cache.
    /// </summary>
    internal const int GroupRows = 8 * MicroKernel.Rows;

    private TilePlan(int keyBlock, int tileRows, int columns, int valueColumns)
    {
        KeyBlock = keyBlock;
        TileRows = tileRows;
        Columns = columns;
        ValueColumns = valueColumns;
        ValueStride = Packing.Stride(valueColumns, columns);
    }

    /// <summary>Keys of a block, whole panels.</summary>
    internal int KeyBlock { get; }

    /// <summary>Queries of a work item, whole strips.</summary>
    internal int TileRows { get; }

    /// <summary>Width of a panel.</summary>
    internal int Columns { get; }

    /// <summary>The value size rounded up to whole panels.</summary>
    internal int ValueColumns { get; }

    /// <summary>Distance between the compact rows of values.</summary>
    internal int ValueStride { get; }

    /// <summary>
    /// The plan of a forward pass. The threads decide how many rows a work item has, which no bit of a result depends on:
    /// groups start at multiples of <see cref="GroupRows"/> either way.
    /// </summary>
    internal static TilePlan Forward(in AttentionProblem problem, int columns, int threads)
    {
        int valueColumns = RoundUp(problem.ValueSize, columns);
        int keyBlock = Math.Clamp(RoundUp(BlockFloats / (problem.HeadSize + valueColumns), columns), columns, RoundUp(MaxKeyBlock, columns));
        keyBlock = Math.Min(keyBlock, RoundUp(Math.Max(problem.KeyLength, 1), columns));

        long heads = Math.Max(1, (long)problem.Batch * problem.Heads);
        long wantedItems = threads == 1 ? 1 : 4L * threads;
        long rows = problem.QueryLength * heads / wantedItems;
        int tileRows = (int)Math.Clamp(rows, MinTileRows, MaxTileRows);
        int tiles = Math.Max(1, (problem.QueryLength + tileRows - 1) / tileRows);
        tileRows = RoundUp(Math.Max(1, (problem.QueryLength + tiles - 1) / tiles), GroupRows);
        return new TilePlan(keyBlock, tileRows, columns, valueColumns);
    }

    internal static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
