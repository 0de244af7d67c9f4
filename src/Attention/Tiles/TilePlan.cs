using Attention.Gemm;

namespace Attention.Tiles;

/// <summary>How a problem is cut into tiles. It depends on sizes and vector width alone, never on threads or batch, so that the bits do not either.</summary>
internal readonly struct TilePlan
{
    /// <summary>
    /// Keys and values of a block, in floats together: 128 KB, a quarter of the smallest second-level cache (512 KB), beside
    /// the queries, accumulators and scores of the tile.
    /// </summary>
    private const int BlockFloats = 32 * 1024;

    /// <summary>
    /// Rows of a work item. Every item packs its own keys and values, which costs about one part in
    /// <c>2 x rows / 8</c> of its products; more rows would push queries and accumulators out of the second-level cache.
    /// </summary>
    private const int MaxTileRows = 384;

    /// <summary>
    /// Rows whose scores are computed together: four strips share a panel of keys while it is in the first-level cache.
    /// </summary>
    internal const int GroupRows = 4 * MicroKernel.Rows;

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

    internal static TilePlan Forward(int queryLength, int keyLength, int headSize, int valueSize, int columns)
    {
        int valueColumns = RoundUp(valueSize, columns);
        int keyBlock = Math.Clamp(RoundUp(BlockFloats / (headSize + valueColumns), columns), columns, RoundUp(512, columns));
        int tiles = (queryLength + MaxTileRows - 1) / MaxTileRows;
        int tileRows = RoundUp((queryLength + tiles - 1) / Math.Max(tiles, 1), GroupRows);
        return new TilePlan(Math.Min(keyBlock, RoundUp(Math.Max(keyLength, 1), columns)), Math.Max(tileRows, GroupRows), columns, valueColumns);
    }

    internal static int RoundUp(int value, int multiple) => (value + multiple - 1) / multiple * multiple;
}
