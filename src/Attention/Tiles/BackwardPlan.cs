using Attention.Gemm;

namespace Attention.Tiles;

/// <summary>How the backward pass is cut: by sizes and vector width alone, so that the bits depend on nothing else.</summary>
internal readonly struct BackwardPlan
{
    /// <summary>
    /// Queries of a tile. Weights and score gradients of a tile (tile x block, twice), the block's keys and values in both
    /// layouts and its two accumulators must share the second-level cache.
    /// </summary>
    internal const int QueryTile = StripBounds.MaxStrips * MicroKernel.Rows;

    /// <summary>Floats of a block's keys and values together; with both layouts and the accumulators the block takes about 400 KB of cache.</summary>
    private const int BlockFloats = 32 * 1024;

    internal BackwardPlan(int queryLength, int keyLength, int headSize, int valueSize, int columns)
    {
        Columns = columns;
        HeadStride = Packing.Stride(headSize, columns);
        ValueStride = Packing.Stride(valueSize, columns);
        HeadColumns = TilePlan.RoundUp(headSize, columns);
        ValueColumns = TilePlan.RoundUp(valueSize, columns);

        // A block is whole panels and whole strips of six keys; both are read.
        int unit = columns % 3 == 0 ? columns : 3 * columns;
        KeyBlock = Math.Clamp(BlockFloats / (HeadColumns + ValueColumns) / unit * unit, unit, Math.Max(unit, 384 / unit * unit));
        KeyBlock = Math.Min(KeyBlock, TilePlan.RoundUp(Math.Max(keyLength, 1), unit));
        Blocks = (keyLength + KeyBlock - 1) / KeyBlock;
        Tiles = (queryLength + QueryTile - 1) / QueryTile;
    }

    /// <summary>Width of a panel.</summary>
    internal int Columns { get; }

    /// <summary>Distance between compact rows of the head size.</summary>
    internal int HeadStride { get; }

    /// <summary>Distance between compact rows of the value size.</summary>
    internal int ValueStride { get; }

    /// <summary>The head size in whole panels.</summary>
    internal int HeadColumns { get; }

    /// <summary>The value size in whole panels.</summary>
    internal int ValueColumns { get; }

    /// <summary>Keys of a block: whole panels and whole strips.</summary>
    internal int KeyBlock { get; }

    /// <summary>Blocks of the longest keys.</summary>
    internal int Blocks { get; }

    /// <summary>Tiles of the longest queries.</summary>
    internal int Tiles { get; }
}
