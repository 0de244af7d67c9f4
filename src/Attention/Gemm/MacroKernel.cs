using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;
using Attention.Simd;

namespace Attention.Gemm;

/// <summary>
/// Multiplies a block of A panels by a block of B panels into a block of C, tile by tile. One panel of B stays in the
/// first-level cache while all panels of A, which stay in the second, pass over it.
/// </summary>
internal static unsafe class MacroKernel
{
    /// <summary>Columns of the widest register tile: four vectors of sixteen floats.</summary>
    private const int WidestTile = 64;

    private const int CacheLine = 64 / sizeof(float);

    /// <summary>
    /// <c>C[rows, columns] = alpha A[rows, depth] B[depth, columns] + beta C</c>, C not being read for a beta of zero, and first
    /// filled from <paramref name="start"/>, tile by tile, where that is not null.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    [SkipLocalsInit]
    internal static void Multiply<TSimd, TVector>(
        in PanelBlock left,
        in PanelBlock right,
        nint rows,
        nint columns,
        nint depth,
        float* c,
        nint cRow,
        nint cColumn,
        float alpha,
        float beta,
        float* start,
        nint startRow,
        nint startColumn)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint tileColumns = MicroKernel.Columns<TSimd, TVector>();
        float* edge = stackalloc float[MicroKernel.Rows * WidestTile];
        bool direct = cColumn == 1 && alpha == 1 && (beta == 0 || beta == 1);
        nint aheadStep = GemmPlan.Ceiling(tileColumns, GemmPlan.Ceiling(rows, MicroKernel.Rows));
        float* b = right.First;
        for (nint column = 0; column < columns; column += tileColumns, b += right.Distance)
        {
            nint width = Math.Min(tileColumns, columns - column);
            nint bStep = right.Step;
            if (width < tileColumns)
            {
                b = right.Tail;
                bStep = right.TailStep;
            }

            // While the tiles of this panel are computed, the next panel is fetched, a share of it by each tile.
            float* ahead = b + right.Distance;
            float* a = left.First;
            for (nint row = 0; row < rows; row += MicroKernel.Rows, a += left.Distance, ahead += depth * aheadStep)
            {
                nint height = Math.Min(MicroKernel.Rows, rows - row);
                float* tile = c + row * cRow + column * cColumn;
                nint aRow = left.Lane;
                nint aStep = left.Step;
                if (height < MicroKernel.Rows)
                {
                    a = left.Tail;
                    aRow = 1;
                    aStep = left.TailStep;
                }

                if (start is not null)
                {
                    TileUpdate.Fill<TSimd, TVector>(
                        start + row * startRow + column * startColumn, startRow, startColumn, height, width, tile, cRow, cColumn);
                }

                if (direct && height == MicroKernel.Rows && width == tileColumns)
                {
                    Prefetch<TSimd, TVector>(tile, cRow);
                    MicroKernel.MultiplyPrefetching<TSimd, TVector>(
                        a, aRow, aStep, b, bStep, depth, tile, cRow, beta == 1, ahead, aheadStep);
                }
                else
                {
                    MicroKernel.Multiply<TSimd, TVector>(a, aRow, aStep, b, bStep, depth, edge, tileColumns, false);
                    TileUpdate.Apply<TSimd, TVector>(edge, tileColumns, height, width, tile, cRow, cColumn, alpha, beta);
                }
            }
        }
    }

    /// <summary>Asks for the tile of C now, since the micro-kernel wants it only after its whole depth.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Prefetch<TSimd, TVector>(float* tile, nint cRow)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        if (Sse.IsSupported)
        {
            for (nint row = 0; row < MicroKernel.Rows; row++, tile += cRow)
            {
                for (nint column = 0; column < MicroKernel.Columns<TSimd, TVector>(); column += CacheLine)
                {
                    Sse.Prefetch0(tile + column);
                }
            }
        }
    }
}
