using System.Runtime.CompilerServices;

namespace Attention.Tiles;

/// <summary>For each strip of a group, the columns outside of which it needs nothing.</summary>
[InlineArray(TilePlan.GroupRows / Gemm.MicroKernel.Rows)]
internal struct StripBounds
{
    private IndexRange _first;
}
