using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Gemm;

/// <summary>
/// Brings a computed tile home where the micro-kernel cannot write it itself: an incomplete tile, an alpha or beta that
/// is not one or zero, a destination whose columns do not lie side by side.
/// </summary>
internal static unsafe class TileUpdate
{
    /// <summary>
    /// <c>C = alpha tile + beta C</c>, C not being read for a beta of zero. Products and sums are rounded one by one, on
    /// purpose: for alpha and beta of one or zero that gives the bits that the micro-kernel writes.
    /// </summary>
    /// <param name="tile">The product, <paramref name="tileRow"/> floats per row.</param>
    /// <param name="tileRow">Distance between rows of the tile.</param>
    /// <param name="rows">Rows to bring home.</param>
    /// <param name="columns">Columns to bring home.</param>
    /// <param name="c">Element (row, column) lies at <c>c[row * cRow + column * cColumn]</c>.</param>
    /// <param name="cRow">Distance between rows of C.</param>
    /// <param name="cColumn">Distance between columns of C.</param>
    /// <param name="alpha">The factor on the tile.</param>
    /// <param name="beta">The factor on C.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Apply<TSimd, TVector>(
        float* tile, nint tileRow, nint rows, nint columns, float* c, nint cRow, nint cColumn, float alpha, float beta)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector alphas = TSimd.Create(alpha);
        TVector betas = TSimd.Create(beta);
        for (nint row = 0; row < rows; row++, tile += tileRow, c += cRow)
        {
            nint column = 0;
            if (cColumn == 1)
            {
                for (; column + TSimd.Count <= columns; column += TSimd.Count)
                {
                    TVector value = TSimd.Multiply(alphas, TSimd.Load(tile + column));
                    if (beta != 0)
                    {
                        value = TSimd.Add(TSimd.Multiply(betas, TSimd.Load(c + column)), value);
                    }

                    TSimd.Store(value, c + column);
                }
            }

            for (; column < columns; column++)
            {
                float value = alpha * tile[column];
                c[column * cColumn] = beta == 0 ? value : beta * c[column * cColumn] + value;
            }
        }
    }

    /// <summary><c>C = start</c>, which may be the same for all rows or all columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Fill<TSimd, TVector>(
        float* start, nint startRow, nint startColumn, nint rows, nint columns, float* c, nint cRow, nint cColumn)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (nint row = 0; row < rows; row++, start += startRow, c += cRow)
        {
            nint column = 0;
            if (cColumn == 1 && startColumn == 1)
            {
                for (; column + TSimd.Count <= columns; column += TSimd.Count)
                {
                    TSimd.Store(TSimd.Load(start + column), c + column);
                }
            }

            for (; column < columns; column++)
            {
                c[column * cColumn] = start[column * startColumn];
            }
        }
    }

    /// <summary><c>C = beta C</c>, and zero for a beta of zero whatever C held.</summary>
    internal static void Scale(in GemmProblem problem)
    {
        if (problem.Beta == 1)
        {
            return;
        }

        for (nint row = 0; row < problem.Rows; row++)
        {
            float* c = problem.Destination + row * problem.DestinationRow;
            for (nint column = 0; column < problem.Columns; column++, c += problem.DestinationColumn)
            {
                *c = problem.Beta == 0 ? 0 : problem.Beta * *c;
            }
        }
    }
}
