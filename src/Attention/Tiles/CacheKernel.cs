using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The two products of attention over a cache: up to six query rows by two vectors, held in registers. Every result is one
/// chain of multiply-adds, down the head or along the tokens, continued from where the last call left it: its bits depend
/// neither on how many rows come together nor on where a tile lies.
/// </summary>
/// <remarks>
/// Six rows by two vectors are twelve chains, enough to keep the multiply-adds of a long prompt busy; they fit the sixteen
/// registers of AVX2. With few rows the kernels are bound by memory, so they ask for what comes next, in its order, a fixed
/// distance ahead and across the seams between pages, which the hardware cannot foresee.
/// </remarks>
internal static unsafe class CacheKernel
{
    /// <summary>How far ahead keys are asked for, in bytes: what arrives while so much is computed, and half of a page of memory.</summary>
    private const int KeyDistance = 2048;

    private const int CacheLineBytes = 64;

    /// <summary>scores[row, token] = query[row] . key[token] for two vectors of tokens.</summary>
    /// <param name="queries">The first row of queries.</param>
    /// <param name="queryStride">Distance between rows of queries.</param>
    /// <param name="left">The first vector's tokens in a tile's keys, <c>[size][16]</c>.</param>
    /// <param name="right">The second vector's tokens; may be the first's again.</param>
    /// <param name="size">The head size.</param>
    /// <param name="leftScores">Where the first vector of row 0 goes.</param>
    /// <param name="rightScores">Where the second goes.</param>
    /// <param name="scoreStride">Distance between rows of scores.</param>
    /// <param name="nextLeft">What will be read after <paramref name="left"/>.</param>
    /// <param name="nextRight">What will be read after <paramref name="right"/>.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void Scores<TSimd, TVector, TStorage, TRows>(
        float* queries, nint queryStride, byte* left, byte* right, int size,
        float* leftScores, float* rightScores, nint scoreStride, byte* nextLeft, byte* nextRight)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TStorage : struct, ICacheStorage
        where TRows : struct, IRowCount
    {
        VectorPair<TSimd, TVector> c0 = default, c1 = default, c2 = default, c3 = default, c4 = default, c5 = default;
        float* upper = queries + 3 * queryStride;
        nint queryStride2 = 2 * queryStride;
        nint bytes = (nint)size * CacheLayout.Tokens * TStorage.Bytes;
        nint distance = Math.Min(KeyDistance, bytes);
        nint aheadLeft = (nint)left + distance;
        nint aheadRight = (nint)right + distance;
        nint seam = bytes - distance;
        for (nint offset = 0; offset < bytes; offset += CacheLayout.Tokens * TStorage.Bytes)
        {
            if (offset % CacheLineBytes == 0)
            {
                if (offset >= seam)
                {
                    aheadLeft = (nint)nextLeft - seam;
                    aheadRight = (nint)nextRight - seam;
                }

                Prefetch.Near((float*)(aheadLeft + offset));
                Prefetch.Near((float*)(aheadRight + offset));
            }

            TVector first = TStorage.Load<TSimd, TVector>(left + offset);
            TVector second = TStorage.Load<TSimd, TVector>(right + offset);
            c0.MultiplyAdd(queries, first, second);
            if (TRows.Count > 1)
            {
                c1.MultiplyAdd(queries + queryStride, first, second);
            }

            if (TRows.Count > 2)
            {
                c2.MultiplyAdd(queries + queryStride2, first, second);
                c3.MultiplyAdd(upper, first, second);
            }

            if (TRows.Count > 4)
            {
                c4.MultiplyAdd(upper + queryStride, first, second);
                c5.MultiplyAdd(upper + queryStride2, first, second);
            }

            queries++;
            upper++;
        }

        c0.Store(leftScores, rightScores);
        if (TRows.Count > 1)
        {
            c1.Store(leftScores + scoreStride, rightScores + scoreStride);
        }

        if (TRows.Count > 2)
        {
            c2.Store(leftScores + 2 * scoreStride, rightScores + 2 * scoreStride);
            c3.Store(leftScores + 3 * scoreStride, rightScores + 3 * scoreStride);
        }

        if (TRows.Count > 4)
        {
            c4.Store(leftScores + 4 * scoreStride, rightScores + 4 * scoreStride);
            c5.Store(leftScores + 5 * scoreStride, rightScores + 5 * scoreStride);
        }
    }

    /// <summary>accumulators[row, column] += sum over tokens of weights[row, token] value[token, column], all within a tile.</summary>
    /// <param name="weights">The weight of row 0 for the first token.</param>
    /// <param name="weightStride">Distance between rows of weights.</param>
    /// <param name="values">The first token's value.</param>
    /// <param name="columns">Numbers from one value to the next; all of them are used. A multiple of 16.</param>
    /// <param name="count">Tokens, at most 16.</param>
    /// <param name="accumulators">The accumulators of row 0.</param>
    /// <param name="accumulatorStride">Distance between rows of accumulators.</param>
    /// <param name="next">Values that will be read after these.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    internal static void Accumulate<TSimd, TVector, TStorage, TRows>(
        float* weights, nint weightStride, byte* values, int columns, int count, float* accumulators, nint accumulatorStride, byte* next)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TStorage : struct, ICacheStorage
        where TRows : struct, IRowCount
    {
        float* upperWeights = weights + 3 * weightStride;
        nint weightStride2 = 2 * weightStride;
        nint valueBytes = (nint)columns * TStorage.Bytes;
        for (int column = 0; column < columns; column += 2 * TSimd.Count)
        {
            // An odd vector at the end is done twice, to the same effect, rather than by another loop.
            int other = column + TSimd.Count < columns ? column + TSimd.Count : column;
            float* left = accumulators + column;
            float* right = accumulators + other;
            VectorPair<TSimd, TVector> c0 = VectorPair<TSimd, TVector>.Load(left, right), c1 = default, c2 = default, c3 = default, c4 = default, c5 = default;
            if (TRows.Count > 1)
            {
                c1 = VectorPair<TSimd, TVector>.Load(left + accumulatorStride, right + accumulatorStride);
            }

            if (TRows.Count > 2)
            {
                c2 = VectorPair<TSimd, TVector>.Load(left + 2 * accumulatorStride, right + 2 * accumulatorStride);
                c3 = VectorPair<TSimd, TVector>.Load(left + 3 * accumulatorStride, right + 3 * accumulatorStride);
            }

            if (TRows.Count > 4)
            {
                c4 = VectorPair<TSimd, TVector>.Load(left + 4 * accumulatorStride, right + 4 * accumulatorStride);
                c5 = VectorPair<TSimd, TVector>.Load(left + 5 * accumulatorStride, right + 5 * accumulatorStride);
            }

            byte* value = values + (nint)column * TStorage.Bytes;
            nint step = (nint)(other - column) * TStorage.Bytes;
            for (int token = 0; token < count; token++, value += valueBytes)
            {
                Prefetch.Near((float*)next);
                if (2 * TSimd.Count * TStorage.Bytes > CacheLineBytes)
                {
                    Prefetch.Near((float*)(next + CacheLineBytes));
                }

                next += 2 * TSimd.Count * TStorage.Bytes;
                TVector first = TStorage.Load<TSimd, TVector>(value);
                TVector second = TStorage.Load<TSimd, TVector>(value + step);
                c0.MultiplyAdd(weights + token, first, second);
                if (TRows.Count > 1)
                {
                    c1.MultiplyAdd(weights + token + weightStride, first, second);
                }

                if (TRows.Count > 2)
                {
                    c2.MultiplyAdd(weights + token + weightStride2, first, second);
                    c3.MultiplyAdd(upperWeights + token, first, second);
                }

                if (TRows.Count > 4)
                {
                    c4.MultiplyAdd(upperWeights + token + weightStride, first, second);
                    c5.MultiplyAdd(upperWeights + token + weightStride2, first, second);
                }
            }

            c0.Store(left, right);
            if (TRows.Count > 1)
            {
                c1.Store(left + accumulatorStride, right + accumulatorStride);
            }

            if (TRows.Count > 2)
            {
                c2.Store(left + 2 * accumulatorStride, right + 2 * accumulatorStride);
                c3.Store(left + 3 * accumulatorStride, right + 3 * accumulatorStride);
            }

            if (TRows.Count > 4)
            {
                c4.Store(left + 4 * accumulatorStride, right + 4 * accumulatorStride);
                c5.Store(left + 5 * accumulatorStride, right + 5 * accumulatorStride);
            }
        }
    }
}
