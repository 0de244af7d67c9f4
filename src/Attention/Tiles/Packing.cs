using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Attention.Gemm;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Lays rows out as the micro-kernel reads them: panels, as wide as its tile, that lie one after the other.</summary>
internal static unsafe class Packing
{
    /// <summary>
    /// Rows become columns: panel p holds rows p * columns ... as <c>[size, columns]</c>, so that the inner product over
    /// <paramref name="size"/> runs down a panel and its vectors run along the rows. Missing rows of the last panel are zero.
    /// </summary>
    /// <param name="rows">The first row.</param>
    /// <param name="rowStride">Distance between rows.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="size">Numbers in a row.</param>
    /// <param name="panels">Room for <c>count</c> rounded up to whole panels, times <paramref name="size"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Transposed<TSimd, TVector>(float* rows, nint rowStride, int count, int size, float* panels)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int columns = MicroKernel.Columns<TSimd, TVector>();
        for (int first = 0; first < count; first += columns, panels += (nint)columns * size)
        {
            int present = Math.Min(columns, count - first);
            float* source = rows + first * rowStride;
            int row = 0;
            for (; row + 4 <= present; row += 4)
            {
                TransposeFour(source + row * rowStride, rowStride, size, panels + row, columns);
            }

            for (; row < present; row++)
            {
                for (int i = 0; i < size; i++)
                {
                    panels[(nint)i * columns + row] = source[row * rowStride + i];
                }
            }

            for (; row < columns; row++)
            {
                for (int i = 0; i < size; i++)
                {
                    panels[(nint)i * columns + row] = 0;
                }
            }
        }
    }

    /// <summary>
    /// Rows stay rows, copied to a compact block: as operand A it is read row by row, as operand B in panels of
    /// neighbouring columns. Columns past <paramref name="size"/> and rows past <paramref name="count"/> are zero.
    /// </summary>
    /// <param name="rows">The first row.</param>
    /// <param name="rowStride">Distance between rows.</param>
    /// <param name="count">How many rows.</param>
    /// <param name="padded">How many rows to write.</param>
    /// <param name="size">Numbers in a row.</param>
    /// <param name="factor">Multiplies every number.</param>
    /// <param name="destination">Room for <paramref name="padded"/> x <paramref name="destinationStride"/>.</param>
    /// <param name="destinationStride">Distance between rows there; see <see cref="Stride"/>.</param>
    /// <returns>Whether every number written is finite.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool Compact<TSimd, TVector>(
        float* rows, nint rowStride, int count, int padded, int size, float factor, float* destination, nint destinationStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factors = TSimd.Create(factor);
        TVector nonFinite = TSimd.Zero;
        float lateNonFinite = 0;
        for (int row = 0; row < count; row++, rows += rowStride, destination += destinationStride)
        {
            int i = 0;
            for (; i + TSimd.Count <= size; i += TSimd.Count)
            {
                TVector value = TSimd.Multiply(TSimd.Load(rows + i), factors);
                nonFinite = TSimd.MultiplyAdd(value, TSimd.Zero, nonFinite);
                TSimd.Store(value, destination + i);
            }

            for (; i < size; i++)
            {
                destination[i] = rows[i] * factor;
                lateNonFinite += destination[i] * 0;
            }

            Clear<TSimd, TVector>(destination + size, destinationStride - size);
        }

        Clear<TSimd, TVector>(destination, (padded - count) * destinationStride);
        return TSimd.Sum(nonFinite) + lateNonFinite == 0;
    }

    /// <summary>
    /// The row stride of a compact block: whole panels, and an odd number of them, since rows at a power-of-two distance
    /// would fall on a few sets of the first-level cache and evict each other.
    /// </summary>
    internal static int Stride(int size, int columns) => (TilePlan.RoundUp(size, columns) / columns | 1) * columns;

    /// <summary>Writes zeros.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Clear<TSimd, TVector>(float* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint i = 0;
        for (; i + TSimd.Count <= count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.Zero, destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = 0;
        }
    }

    /// <summary>
    /// Four rows become four neighbouring columns, in 4 x 4 blocks of 128-bit unpacks: packing is bound by its stores, so
    /// wider shuffles would gain nothing.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void TransposeFour(float* rows, nint rowStride, int size, float* destination, nint columns)
    {
        float* row1 = rows + rowStride;
        float* row2 = row1 + rowStride;
        float* row3 = row2 + rowStride;
        int i = 0;
        for (; i + 4 <= size; i += 4)
        {
            Vector128<float> a = Vector128.Load(rows + i);
            Vector128<float> b = Vector128.Load(row1 + i);
            Vector128<float> c = Vector128.Load(row2 + i);
            Vector128<float> d = Vector128.Load(row3 + i);

            // a0 c0 a1 c1, a2 c2 a3 c3, and the same of b and d; interleaved once more they are the columns.
            Vector128<float> lowerAC = Interleave.Low(a, c);
            Vector128<float> upperAC = Interleave.High(a, c);
            Vector128<float> lowerBD = Interleave.Low(b, d);
            Vector128<float> upperBD = Interleave.High(b, d);
            Interleave.Low(lowerAC, lowerBD).Store(destination);
            Interleave.High(lowerAC, lowerBD).Store(destination + columns);
            Interleave.Low(upperAC, upperBD).Store(destination + 2 * columns);
            Interleave.High(upperAC, upperBD).Store(destination + 3 * columns);
            destination += 4 * columns;
        }

        for (; i < size; i++)
        {
            destination[0] = rows[i];
            destination[1] = row1[i];
            destination[2] = row2[i];
            destination[3] = row3[i];
            destination += columns;
        }
    }
}
