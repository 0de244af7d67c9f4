using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The first product of attention over a cache: up to six query rows by two vectors, held in registers. Every result is one
/// chain of multiply-adds down the head: its bits depend
/// neither on how many rows come together nor on where a tile lies.
/// </summary>
/// <remarks>
/// Six rows by two vectors are twelve chains, enough to keep the multiply-adds of a long prompt busy; they fit the sixteen
/// registers of AVX2. With few rows the kernels are bound by memory, so they ask for what comes next, in its order, a fixed
/// distance ahead and across the seams between pages, which the hardware cannot foresee.
/// </remarks>
internal static unsafe class CacheKernel
{
    /// <summary>How far ahead keys are asked for, in bytes: more than memory delivers in the time that one request takes.</summary>
    private const int KeyDistance = 4096;

    private const int CacheLineBytes = 64;

    /// <summary>Steps of a loop side by side, for which pointers move and memory is asked for once.</summary>
    private const int Unrolled = 4;

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
        int stepBytes = CacheLayout.Tokens * TStorage.Bytes;
        float* upper = queries + 3 * queryStride;
        nint stride2 = 2 * queryStride;
        int distance = Math.Min(KeyDistance / stepBytes, size);
        int seam = (size - distance) / Unrolled * Unrolled;
        byte* aheadLeft = left + (nint)distance * stepBytes;
        byte* aheadRight = right + (nint)distance * stepBytes;
        int step = 0;
        for (; step + Unrolled <= size; step += Unrolled)
        {
            if (AsksAhead<TRows>())
            {
                if (step == seam)
                {
                    aheadLeft = nextLeft;
                    aheadRight = nextRight;
                }

                Ahead(aheadLeft, Unrolled * stepBytes);
                aheadLeft += Unrolled * stepBytes;
                if (TSimd.Count == CacheLayout.Tokens)
                {
                    // Vectors so wide come from two tiles; others share their cache lines.
                    Ahead(aheadRight, Unrolled * stepBytes);
                    aheadRight += Unrolled * stepBytes;
                }
            }

            Step<TSimd, TVector, TStorage, TRows>(queries, upper, queryStride, stride2, left, right, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            Step<TSimd, TVector, TStorage, TRows>(
                queries + 1, upper + 1, queryStride, stride2, left + stepBytes, right + stepBytes, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            Step<TSimd, TVector, TStorage, TRows>(
                queries + 2, upper + 2, queryStride, stride2, left + 2 * stepBytes, right + 2 * stepBytes, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            Step<TSimd, TVector, TStorage, TRows>(
                queries + 3, upper + 3, queryStride, stride2, left + 3 * stepBytes, right + 3 * stepBytes, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            queries += Unrolled;
            upper += Unrolled;
            left += Unrolled * stepBytes;
            right += Unrolled * stepBytes;
        }

        for (; step < size; step++)
        {
            Step<TSimd, TVector, TStorage, TRows>(queries, upper, queryStride, stride2, left, right, ref c0, ref c1, ref c2, ref c3, ref c4, ref c5);
            queries++;
            upper++;
            left += stepBytes;
            right += stepBytes;
        }

        Store<TSimd, TVector, TRows>(leftScores, rightScores, scoreStride, c0, c1, c2, c3, c4, c5);
    }

    /// <summary>Whether the kernel asks for memory ahead: with six rows it is bound by multiply-adds, and its tiles are used again and again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool AsksAhead<TRows>()
        where TRows : struct, IRowCount => TRows.Count <= 4;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Ahead(byte* address, int bytes)
    {
        for (int line = 0; line < bytes; line += CacheLineBytes)
        {
            Prefetch.Far(address + line);
        }
    }

    /// <summary>One step of a chain: each row adds its factor times two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Step<TSimd, TVector, TStorage, TRows>(
        float* factors, float* upper, nint stride, nint stride2, byte* left, byte* right,
        ref VectorPair<TSimd, TVector> c0, ref VectorPair<TSimd, TVector> c1, ref VectorPair<TSimd, TVector> c2,
        ref VectorPair<TSimd, TVector> c3, ref VectorPair<TSimd, TVector> c4, ref VectorPair<TSimd, TVector> c5)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TStorage : struct, ICacheStorage
        where TRows : struct, IRowCount
    {
        TVector first = TStorage.Load<TSimd, TVector>(left);
        TVector second = TStorage.Load<TSimd, TVector>(right);
        c0.MultiplyAdd(factors, first, second);
        if (TRows.Count > 1)
        {
            c1.MultiplyAdd(factors + stride, first, second);
        }

        if (TRows.Count > 2)
        {
            c2.MultiplyAdd(factors + stride2, first, second);
            c3.MultiplyAdd(upper, first, second);
        }

        if (TRows.Count > 4)
        {
            c4.MultiplyAdd(upper + stride, first, second);
            c5.MultiplyAdd(upper + stride2, first, second);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store<TSimd, TVector, TRows>(
        float* left, float* right, nint stride,
        in VectorPair<TSimd, TVector> c0, in VectorPair<TSimd, TVector> c1, in VectorPair<TSimd, TVector> c2,
        in VectorPair<TSimd, TVector> c3, in VectorPair<TSimd, TVector> c4, in VectorPair<TSimd, TVector> c5)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TRows : struct, IRowCount
    {
        c0.Store(left, right);
        if (TRows.Count > 1)
        {
            c1.Store(left + stride, right + stride);
        }

        if (TRows.Count > 2)
        {
            c2.Store(left + 2 * stride, right + 2 * stride);
            c3.Store(left + 3 * stride, right + 3 * stride);
        }

        if (TRows.Count > 4)
        {
            c4.Store(left + 4 * stride, right + 4 * stride);
            c5.Store(left + 5 * stride, right + 5 * stride);
        }
    }
}
