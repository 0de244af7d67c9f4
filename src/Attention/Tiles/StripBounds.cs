using System.Runtime.CompilerServices;
using Attention.Gemm;
using Attention.Policies;

namespace Attention.Tiles;

/// <summary>For each strip of six queries of a tile, the columns of a block, in whole panels, outside of which it needs nothing.</summary>
[InlineArray(MaxStrips)]
internal struct StripBounds
{
    /// <summary>The most strips that a group of the forward or a tile of the backward pass has.</summary>
    internal const int MaxStrips = 16;

    private IndexRange _first;

    /// <summary>Every strip needs the same columns.</summary>
    internal void SetAll(int strips, IndexRange columns)
    {
        for (int strip = 0; strip < strips; strip++)
        {
            this[strip] = columns;
        }
    }

    /// <summary>Asks the mask for each strip.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="batch">The batch element.</param>
    /// <param name="head">The query head.</param>
    /// <param name="queries">The queries of the tile.</param>
    /// <param name="block">The keys of the block; its first is column 0.</param>
    /// <param name="keyLength">How many keys there are in all.</param>
    /// <param name="columns">Width of a panel.</param>
    internal void Find<TMask>(in TMask mask, int batch, int head, IndexRange queries, IndexRange block, int keyLength, int columns)
        where TMask : struct, IAttentionMask
    {
        int strip = 0;
        for (int start = queries.Start; start < queries.End; start += MicroKernel.Rows, strip++)
        {
            IndexRange rows = new(start, Math.Min(start + MicroKernel.Rows, queries.End));
            IndexRange keys = mask.KeyBounds(batch, head, rows, keyLength).Intersect(block);
            this[strip] = keys.IsEmpty
                ? default
                : new IndexRange((keys.Start - block.Start) / columns * columns, TilePlan.RoundUp(keys.End - block.Start, columns));
        }
    }
}
