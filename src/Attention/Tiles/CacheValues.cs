using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The second product of attention over a cache: weights times values, added to rows of accumulators. Every result is one chain
/// of multiply-adds along the tokens, continued from where the last call left it: its bits depend neither on how many rows come
/// together nor on where a tile lies.
/// </summary>
/// <remarks>
/// The register tile is as wide as the rows leave room for in sixteen registers: six rows by two vectors, four by three, two or
/// one by four. Twelve chains keep the multiply-adds busy over the sixteen tokens of a tile; eight would wait for their ends.
/// </remarks>
internal static unsafe class CacheValues
{
    /// <summary>Tokens side by side, for which pointers move and memory is asked for once.</summary>
    private const int Unrolled = 4;

    /// <summary>accumulators[row, column] += sum over tokens of weights[row, token] value[token, column], all within a tile.</summary>
    /// <param name="weights">The weight of row 0 for the first token.</param>
    /// <param name="weightStride">Distance between rows of weights.</param>
    /// <param name="values">The first token's value.</param>
    /// <param name="columns">Numbers from one value to the next; all of them are used. A multiple of 16.</param>
    /// <param name="count">Tokens, at most 16.</param>
    /// <param name="accumulators">The accumulators of row 0.</param>
    /// <param name="accumulatorStride">Distance between rows of accumulators.</param>
    /// <param name="next">What will be read after these values.</param>
    internal static void Accumulate<TSimd, TVector, TStorage, TRows>(
        float* weights, nint weightStride, byte* values, int columns, int count, float* accumulators, nint accumulatorStride, byte* next)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TStorage : struct, ICacheStorage
        where TRows : struct, IRowCount
    {
        nint valueBytes = (nint)columns * TStorage.Bytes;
        int column = 0;
        int left = columns / TSimd.Count;
        if (TRows.Count <= 2)
        {
            for (; left >= FourVectors.Count; left -= FourVectors.Count, column += FourVectors.Count * TSimd.Count)
            {
                Block<TSimd, TVector, TStorage, TRows, FourVectors>(
                    weights, weightStride, values, valueBytes, column, count, accumulators, accumulatorStride, next);
            }
        }
        else if (TRows.Count <= 4)
        {
            // Four that are left are better two and two than three and one.
            for (; left >= ThreeVectors.Count && left != 4; left -= ThreeVectors.Count, column += ThreeVectors.Count * TSimd.Count)
            {
                Block<TSimd, TVector, TStorage, TRows, ThreeVectors>(
                    weights, weightStride, values, valueBytes, column, count, accumulators, accumulatorStride, next);
            }
        }

        for (; left >= TwoVectors.Count; left -= TwoVectors.Count, column += TwoVectors.Count * TSimd.Count)
        {
            Block<TSimd, TVector, TStorage, TRows, TwoVectors>(
                weights, weightStride, values, valueBytes, column, count, accumulators, accumulatorStride, next);
        }

        if (left > 0)
        {
            Block<TSimd, TVector, TStorage, TRows, OneVector>(
                weights, weightStride, values, valueBytes, column, count, accumulators, accumulatorStride, next);
        }
    }

    /// <summary>The vectors of some columns.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void Block<TSimd, TVector, TStorage, TRows, TVectors>(
        float* weights, nint weightStride, byte* values, nint valueBytes, int column, int count,
        float* accumulators, nint accumulatorStride, byte* next)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TStorage : struct, ICacheStorage
        where TRows : struct, IRowCount
        where TVectors : struct, IVectorCount
    {
        accumulators += column;
        values += (nint)column * TStorage.Bytes;
        VectorRow<TSimd, TVector, TVectors> c0 = Row<TSimd, TVector, TVectors>(accumulators);
        VectorRow<TSimd, TVector, TVectors> c1 = default, c2 = default, c3 = default, c4 = default, c5 = default;
        if (TRows.Count > 1)
        {
            c1 = Row<TSimd, TVector, TVectors>(accumulators + accumulatorStride);
        }

        if (TRows.Count > 2)
        {
            c2 = Row<TSimd, TVector, TVectors>(accumulators + 2 * accumulatorStride);
            c3 = Row<TSimd, TVector, TVectors>(accumulators + 3 * accumulatorStride);
        }

        if (TRows.Count > 4)
        {
            c4 = Row<TSimd, TVector, TVectors>(accumulators + 4 * accumulatorStride);
            c5 = Row<TSimd, TVector, TVectors>(accumulators + 5 * accumulatorStride);
        }

        float* upper = weights + 3 * weightStride;
        nint stride2 = 2 * weightStride;

        // The values are walked by columns, but memory is asked for in its order: each block asks for its share.
        int asked = Unrolled * TVectors.Count * TSimd.Count * TStorage.Bytes;
        next += (nint)column * CacheLayout.Tokens * TStorage.Bytes;
        int token = 0;
        for (; token + Unrolled <= count; token += Unrolled)
        {
            if (CacheKernel.AsksAhead<TRows>())
            {
                CacheKernel.Ahead(next, asked);
                next += asked;
            }

            Step<TSimd, TVector, TStorage, TRows, TVectors>(
                weights, upper, weightStride, stride2, values, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            Step<TSimd, TVector, TStorage, TRows, TVectors>(
                weights + 1, upper + 1, weightStride, stride2, values + valueBytes, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            values += 2 * valueBytes;
            Step<TSimd, TVector, TStorage, TRows, TVectors>(
                weights + 2, upper + 2, weightStride, stride2, values, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            Step<TSimd, TVector, TStorage, TRows, TVectors>(
                weights + 3, upper + 3, weightStride, stride2, values + valueBytes, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            values += 2 * valueBytes;
            weights += Unrolled;
            upper += Unrolled;
        }

        for (; token < count; token++)
        {
            Step<TSimd, TVector, TStorage, TRows, TVectors>(
                weights, upper, weightStride, stride2, values, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            values += valueBytes;
            weights++;
            upper++;
        }

        c0.Store(accumulators);
        if (TRows.Count > 1)
        {
            c1.Store(accumulators + accumulatorStride);
        }

        if (TRows.Count > 2)
        {
            c2.Store(accumulators + 2 * accumulatorStride);
            c3.Store(accumulators + 3 * accumulatorStride);
        }

        if (TRows.Count > 4)
        {
            c4.Store(accumulators + 4 * accumulatorStride);
            c5.Store(accumulators + 5 * accumulatorStride);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static VectorRow<TSimd, TVector, TVectors> Row<TSimd, TVector, TVectors>(float* accumulators)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TVectors : struct, IVectorCount => VectorRow<TSimd, TVector, TVectors>.Load<Float32Storage>((byte*)accumulators);

    /// <summary>One token: each row adds its weight times the value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TSimd, TVector, TStorage, TRows, TVectors>(
        float* weights, float* upper, nint stride, nint stride2, byte* values,
        ref VectorRow<TSimd, TVector, TVectors> c0, ref VectorRow<TSimd, TVector, TVectors> c1, ref VectorRow<TSimd, TVector, TVectors> c2,
        ref VectorRow<TSimd, TVector, TVectors> c3, ref VectorRow<TSimd, TVector, TVectors> c4, ref VectorRow<TSimd, TVector, TVectors> c5)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TStorage : struct, ICacheStorage
        where TRows : struct, IRowCount
        where TVectors : struct, IVectorCount
    {
        VectorRow<TSimd, TVector, TVectors> value = VectorRow<TSimd, TVector, TVectors>.Load<TStorage>(values);
        c0.MultiplyAdd(weights, value);
        if (TRows.Count > 1)
        {
            c1.MultiplyAdd(weights + stride, value);
        }

        if (TRows.Count > 2)
        {
            c2.MultiplyAdd(weights + stride2, value);
            c3.MultiplyAdd(upper, value);
        }

        if (TRows.Count > 4)
        {
            c4.MultiplyAdd(upper + stride, value);
            c5.MultiplyAdd(upper + stride2, value);
        }
    }
}
