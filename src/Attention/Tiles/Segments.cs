using System.Runtime.CompilerServices;
using Attention.Policies;

namespace Attention.Tiles;

/// <summary>
/// The runs of columns, in whole panels, of a block of keys that a group of queries may need; what lies between is not
/// computed. A block has at most 512 keys, looked at in pieces of 64.
/// </summary>
[InlineArray(8)]
internal struct Segments
{
    private const int Piece = 64;

    private IndexRange _first;

    /// <summary>Asks the mask; gives the number of segments.</summary>
    internal static int Find<TMask>(
        in TMask mask, int batch, int head, IndexRange queries, IndexRange block, IndexRange used, int columns, ref Segments segments)
        where TMask : struct, IAttentionMask
    {
        if (TMask.IsInterval)
        {
            segments[0] = used;
            return 1;
        }

        int piece = Math.Max(Piece, columns);
        int count = 0;
        for (int start = used.Start / piece * piece; start < used.End; start += piece)
        {
            IndexRange columnsHere = new IndexRange(start, start + piece).Intersect(used);
            IndexRange keys = new IndexRange(block.Start + start, block.Start + start + piece).Intersect(block);
            if (mask.Cover(batch, head, queries, keys) == TileCoverage.None)
            {
                continue;
            }

            if (count > 0 && segments[count - 1].End == columnsHere.Start)
            {
                segments[count - 1] = segments[count - 1] with { End = columnsHere.End };
            }
            else
            {
                segments[count++] = columnsHere;
            }
        }

        return count;
    }
}
