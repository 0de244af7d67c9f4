using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The two products of decoding, a few query rows against keys and values as they are stored. Such work is bound by memory:
/// every row of keys and values is read once, in memory order, for all query rows together, with nothing packed.
/// </summary>
internal static unsafe class DecodeKernel
{
    /// <summary>
    /// How far ahead of the row in work memory is asked for, in floats (4 KB): beyond what the hardware prefetcher, which
    /// stops at page ends, has under way.
    /// </summary>
    private const int PrefetchDistance = 1024;

    /// <summary>Floats of a cache line.</summary>
    private const int Line = 16;

    /// <summary>
    /// scores[row, key] = query[row] . key[key], two keys at a time, so that a vector of a query serves both and there are
    /// enough independent sums.
    /// </summary>
    /// <param name="queries">Rows, compact: <paramref name="queryStride"/> apart.</param>
    /// <param name="queryStride">Distance between query rows.</param>
    /// <param name="keys">The first key.</param>
    /// <param name="keyStride">Distance between keys.</param>
    /// <param name="count">How many keys.</param>
    /// <param name="size">The head size.</param>
    /// <param name="scores">Where the scores of row 0 go.</param>
    /// <param name="scoreStride">Distance between rows of scores.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Scores<TSimd, TVector, TRows>(
        float* queries, nint queryStride, float* keys, nint keyStride, int count, int size, float* scores, nint scoreStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TRows : struct, IRowCount
    {
        for (int key = 0; key < count; key += 2, keys += 2 * keyStride)
        {
            // An odd last key is paired with itself.
            float* second = key + 1 < count ? keys + keyStride : keys;
            TVector a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero;
            TVector b0 = TSimd.Zero, b1 = TSimd.Zero, b2 = TSimd.Zero, b3 = TSimd.Zero;
            int i = 0;
            for (; i + TSimd.Count <= size; i += TSimd.Count)
            {
                if (i % Line == 0)
                {
                    Prefetch.Near(keys + PrefetchDistance + i);
                    Prefetch.Near(second + PrefetchDistance + i);
                }

                TVector first = TSimd.Load(keys + i);
                TVector other = TSimd.Load(second + i);
                TVector query = TSimd.Load(queries + i);
                a0 = TSimd.MultiplyAdd(query, first, a0);
                b0 = TSimd.MultiplyAdd(query, other, b0);
                if (TRows.Count == 4)
                {
                    query = TSimd.Load(queries + queryStride + i);
                    a1 = TSimd.MultiplyAdd(query, first, a1);
                    b1 = TSimd.MultiplyAdd(query, other, b1);
                    query = TSimd.Load(queries + 2 * queryStride + i);
                    a2 = TSimd.MultiplyAdd(query, first, a2);
                    b2 = TSimd.MultiplyAdd(query, other, b2);
                    query = TSimd.Load(queries + 3 * queryStride + i);
                    a3 = TSimd.MultiplyAdd(query, first, a3);
                    b3 = TSimd.MultiplyAdd(query, other, b3);
                }
            }

            float* destination = scores + key;
            Finish<TSimd, TVector>(a0, b0, queries, keys, second, i, size, destination);
            if (TRows.Count == 4)
            {
                Finish<TSimd, TVector>(a1, b1, queries + queryStride, keys, second, i, size, destination + scoreStride);
                Finish<TSimd, TVector>(a2, b2, queries + 2 * queryStride, keys, second, i, size, destination + 2 * scoreStride);
                Finish<TSimd, TVector>(a3, b3, queries + 3 * queryStride, keys, second, i, size, destination + 3 * scoreStride);
            }
        }
    }

    /// <summary>
    /// accumulators[row] += sum over keys of weights[row, key] value[key], two values at a time, so that accumulators are
    /// loaded and stored half as often.
    /// </summary>
    /// <param name="weights">The weights of row 0; a pair may read one weight past the last, which must be zero.</param>
    /// <param name="weightStride">Distance between rows of weights.</param>
    /// <param name="values">The first value.</param>
    /// <param name="valueStride">Distance between values.</param>
    /// <param name="count">How many values.</param>
    /// <param name="size">The value size.</param>
    /// <param name="accumulators">The accumulators of row 0.</param>
    /// <param name="accumulatorStride">Distance between rows of accumulators.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Accumulate<TSimd, TVector, TRows>(
        float* weights, nint weightStride, float* values, nint valueStride, int count, int size, float* accumulators, nint accumulatorStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TRows : struct, IRowCount
    {
        for (int key = 0; key < count; key += 2, values += 2 * valueStride, weights += 2)
        {
            float* second = key + 1 < count ? values + valueStride : values;
            TVector p0 = TSimd.Create(weights[0]);
            TVector r0 = TSimd.Create(weights[1]);
            TVector p1 = TSimd.Zero, p2 = TSimd.Zero, p3 = TSimd.Zero, r1 = TSimd.Zero, r2 = TSimd.Zero, r3 = TSimd.Zero;
            if (TRows.Count == 4)
            {
                p1 = TSimd.Create(weights[weightStride]);
                r1 = TSimd.Create(weights[weightStride + 1]);
                p2 = TSimd.Create(weights[2 * weightStride]);
                r2 = TSimd.Create(weights[2 * weightStride + 1]);
                p3 = TSimd.Create(weights[3 * weightStride]);
                r3 = TSimd.Create(weights[3 * weightStride + 1]);
            }

            int i = 0;
            for (; i + TSimd.Count <= size; i += TSimd.Count)
            {
                if (i % Line == 0)
                {
                    Prefetch.Near(values + PrefetchDistance + i);
                    Prefetch.Near(second + PrefetchDistance + i);
                }

                TVector first = TSimd.Load(values + i);
                TVector other = TSimd.Load(second + i);
                AddPair<TSimd, TVector>(p0, first, r0, other, accumulators + i);
                if (TRows.Count == 4)
                {
                    AddPair<TSimd, TVector>(p1, first, r1, other, accumulators + accumulatorStride + i);
                    AddPair<TSimd, TVector>(p2, first, r2, other, accumulators + 2 * accumulatorStride + i);
                    AddPair<TSimd, TVector>(p3, first, r3, other, accumulators + 3 * accumulatorStride + i);
                }
            }

            for (; i < size; i++)
            {
                for (int row = 0; row < TRows.Count; row++)
                {
                    float* accumulator = accumulators + row * accumulatorStride + i;
                    float sum = float.MultiplyAddEstimate(weights[row * weightStride], values[i], *accumulator);
                    *accumulator = float.MultiplyAddEstimate(weights[row * weightStride + 1], second[i], sum);
                }
            }
        }
    }

    /// <summary>As <see cref="Accumulate"/> for one row, but a weight of zero does not look at its value.</summary>
    internal static void AccumulateSelected(float* weights, float* values, nint valueStride, int count, int size, float* accumulators)
    {
        for (int key = 0; key < count; key++, values += valueStride)
        {
            if (weights[key] != 0)
            {
                for (int i = 0; i < size; i++)
                {
                    accumulators[i] = float.MultiplyAddEstimate(weights[key], values[i], accumulators[i]);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddPair<TSimd, TVector>(TVector weight, TVector value, TVector otherWeight, TVector otherValue, float* accumulator)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector sum = TSimd.MultiplyAdd(weight, value, TSimd.Load(accumulator));
        TSimd.Store(TSimd.MultiplyAdd(otherWeight, otherValue, sum), accumulator);
    }

    /// <summary>Sums the lanes, adds what is left of the head size, and stores the scores of two keys.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Finish<TSimd, TVector>(
        TVector first, TVector other, float* query, float* key, float* otherKey, int start, int size, float* scores)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float sum = TSimd.Sum(first);
        float otherSum = TSimd.Sum(other);
        for (int i = start; i < size; i++)
        {
            sum = float.MultiplyAddEstimate(query[i], key[i], sum);
            otherSum = float.MultiplyAddEstimate(query[i], otherKey[i], otherSum);
        }

        scores[0] = sum;
        scores[1] = otherSum;
    }
}
