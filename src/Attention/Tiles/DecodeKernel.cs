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
    /// How far ahead of the row in work memory is asked for, in floats (2 KB): beyond what the hardware prefetcher, which
    /// stops at page ends, has under way.
    /// </summary>
    private const int PrefetchDistance = 512;

    /// <summary>Values whose weighted sum is taken in registers where four rows share them.</summary>
    private const int Together = 8;

    /// <summary>
    /// scores[row, key] = query[row] . key[key], one key after the other: four sums side by side keep enough multiply-adds
    /// under way for a single row, two for each of four rows.
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
        for (int key = 0; key < count; key++, keys += keyStride)
        {
            TVector a0 = TSimd.Zero, a1 = TSimd.Zero, a2 = TSimd.Zero, a3 = TSimd.Zero;
            int i = 0;
            if (TRows.Count == 1)
            {
                for (; i + 4 * TSimd.Count <= size; i += 4 * TSimd.Count)
                {
                    Ahead<TSimd, TVector>(keys + i, 4);
                    a0 = TSimd.MultiplyAdd(TSimd.Load(queries + i), TSimd.Load(keys + i), a0);
                    a1 = TSimd.MultiplyAdd(TSimd.Load(queries + i + TSimd.Count), TSimd.Load(keys + i + TSimd.Count), a1);
                    a2 = TSimd.MultiplyAdd(TSimd.Load(queries + i + 2 * TSimd.Count), TSimd.Load(keys + i + 2 * TSimd.Count), a2);
                    a3 = TSimd.MultiplyAdd(TSimd.Load(queries + i + 3 * TSimd.Count), TSimd.Load(keys + i + 3 * TSimd.Count), a3);
                }

                a0 = TSimd.Add(TSimd.Add(a0, a1), TSimd.Add(a2, a3));
                for (; i + TSimd.Count <= size; i += TSimd.Count)
                {
                    a0 = TSimd.MultiplyAdd(TSimd.Load(queries + i), TSimd.Load(keys + i), a0);
                }

                scores[key] = Finish<TSimd, TVector>(a0, queries, keys, i, size);
            }
            else
            {
                TVector b0 = TSimd.Zero, b1 = TSimd.Zero, b2 = TSimd.Zero, b3 = TSimd.Zero;
                for (; i + 2 * TSimd.Count <= size; i += 2 * TSimd.Count)
                {
                    Ahead<TSimd, TVector>(keys + i, 2);
                    TVector first = TSimd.Load(keys + i);
                    TVector second = TSimd.Load(keys + i + TSimd.Count);
                    float* query = queries + i;
                    a0 = TSimd.MultiplyAdd(TSimd.Load(query), first, a0);
                    b0 = TSimd.MultiplyAdd(TSimd.Load(query + TSimd.Count), second, b0);
                    query += queryStride;
                    a1 = TSimd.MultiplyAdd(TSimd.Load(query), first, a1);
                    b1 = TSimd.MultiplyAdd(TSimd.Load(query + TSimd.Count), second, b1);
                    query += queryStride;
                    a2 = TSimd.MultiplyAdd(TSimd.Load(query), first, a2);
                    b2 = TSimd.MultiplyAdd(TSimd.Load(query + TSimd.Count), second, b2);
                    query += queryStride;
                    a3 = TSimd.MultiplyAdd(TSimd.Load(query), first, a3);
                    b3 = TSimd.MultiplyAdd(TSimd.Load(query + TSimd.Count), second, b3);
                }

                a0 = TSimd.Add(a0, b0);
                a1 = TSimd.Add(a1, b1);
                a2 = TSimd.Add(a2, b2);
                a3 = TSimd.Add(a3, b3);
                for (; i + TSimd.Count <= size; i += TSimd.Count)
                {
                    TVector value = TSimd.Load(keys + i);
                    a0 = TSimd.MultiplyAdd(TSimd.Load(queries + i), value, a0);
                    a1 = TSimd.MultiplyAdd(TSimd.Load(queries + queryStride + i), value, a1);
                    a2 = TSimd.MultiplyAdd(TSimd.Load(queries + 2 * queryStride + i), value, a2);
                    a3 = TSimd.MultiplyAdd(TSimd.Load(queries + 3 * queryStride + i), value, a3);
                }

                float* destination = scores + key;
                destination[0] = Finish<TSimd, TVector>(a0, queries, keys, i, size);
                destination[scoreStride] = Finish<TSimd, TVector>(a1, queries + queryStride, keys, i, size);
                destination[2 * scoreStride] = Finish<TSimd, TVector>(a2, queries + 2 * queryStride, keys, i, size);
                destination[3 * scoreStride] = Finish<TSimd, TVector>(a3, queries + 3 * queryStride, keys, i, size);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Ahead<TSimd, TVector>(float* row, int vectors)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (int i = 0; i < vectors * TSimd.Count; i += ScoreRow.CacheLine)
        {
            Prefetch.Near(row + PrefetchDistance + i);
        }
    }

    /// <summary>
    /// accumulators[row] += sum over keys of weights[row, key] value[key]: one value after the other for a single row, eight
    /// together for four rows, so that accumulators are loaded and stored an eighth as often.
    /// </summary>
    /// <param name="weights">The weights of row 0.</param>
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
        int key = 0;
        if (TRows.Count == 4)
        {
            for (; key + Together <= count; key += Together, values += Together * valueStride, weights += Together)
            {
                AccumulateTogether<TSimd, TVector>(weights, weightStride, values, valueStride, size, accumulators, accumulatorStride);
            }
        }

        for (; key < count; key++, values += valueStride, weights++)
        {
            for (int row = 0; row < TRows.Count; row++)
            {
                AddTo<TSimd, TVector>(weights[row * weightStride], values, size, accumulators + row * accumulatorStride);
            }
        }
    }

    /// <summary>
    /// Four rows and eight values at a time: accumulators stay in registers over the eight. The values are walked column by
    /// column, but memory is asked for in its order, a block ahead.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AccumulateTogether<TSimd, TVector>(
        float* weights, nint weightStride, float* values, nint valueStride, int size, float* accumulators, nint accumulatorStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float* ahead = values + Together * valueStride;
        int aheadColumn = 0;
        int i = 0;
        for (; i + 2 * TSimd.Count <= size; i += 2 * TSimd.Count)
        {
            float* first = accumulators + i;
            float* second = first + accumulatorStride;
            float* third = second + accumulatorStride;
            float* fourth = third + accumulatorStride;
            TVector a0 = TSimd.Load(first), b0 = TSimd.Load(first + TSimd.Count);
            TVector a1 = TSimd.Load(second), b1 = TSimd.Load(second + TSimd.Count);
            TVector a2 = TSimd.Load(third), b2 = TSimd.Load(third + TSimd.Count);
            TVector a3 = TSimd.Load(fourth), b3 = TSimd.Load(fourth + TSimd.Count);
            float* value = values + i;
            for (int key = 0; key < Together; key++, value += valueStride)
            {
                Prefetch.Near(ahead + aheadColumn);
                aheadColumn += 2 * TSimd.Count;
                if (aheadColumn >= size)
                {
                    aheadColumn = 0;
                    ahead += valueStride;
                }

                TVector left = TSimd.Load(value);
                TVector right = TSimd.Load(value + TSimd.Count);
                TVector weight = TSimd.Create(weights[key]);
                a0 = TSimd.MultiplyAdd(weight, left, a0);
                b0 = TSimd.MultiplyAdd(weight, right, b0);
                weight = TSimd.Create(weights[weightStride + key]);
                a1 = TSimd.MultiplyAdd(weight, left, a1);
                b1 = TSimd.MultiplyAdd(weight, right, b1);
                weight = TSimd.Create(weights[2 * weightStride + key]);
                a2 = TSimd.MultiplyAdd(weight, left, a2);
                b2 = TSimd.MultiplyAdd(weight, right, b2);
                weight = TSimd.Create(weights[3 * weightStride + key]);
                a3 = TSimd.MultiplyAdd(weight, left, a3);
                b3 = TSimd.MultiplyAdd(weight, right, b3);
            }

            TSimd.Store(a0, first);
            TSimd.Store(b0, first + TSimd.Count);
            TSimd.Store(a1, second);
            TSimd.Store(b1, second + TSimd.Count);
            TSimd.Store(a2, third);
            TSimd.Store(b2, third + TSimd.Count);
            TSimd.Store(a3, fourth);
            TSimd.Store(b3, fourth + TSimd.Count);
        }

        for (; i < size; i++)
        {
            for (int row = 0; row < 4; row++)
            {
                float sum = accumulators[row * accumulatorStride + i];
                for (int key = 0; key < Together; key++)
                {
                    sum = float.MultiplyAddEstimate(weights[row * weightStride + key], values[key * valueStride + i], sum);
                }

                accumulators[row * accumulatorStride + i] = sum;
            }
        }
    }

    /// <summary>As <see cref="Accumulate"/> for one row, but a weight of zero does not look at its value.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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

    /// <summary>accumulator += weight value, one value in memory order.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void AddTo<TSimd, TVector>(float weight, float* value, int size, float* accumulator)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector weights = TSimd.Create(weight);
        int i = 0;
        for (; i + TSimd.Count <= size; i += TSimd.Count)
        {
            if (i % ScoreRow.CacheLine == 0)
            {
                Prefetch.Near(value + PrefetchDistance + i);
            }

            TSimd.Store(TSimd.MultiplyAdd(weights, TSimd.Load(value + i), TSimd.Load(accumulator + i)), accumulator + i);
        }

        for (; i < size; i++)
        {
            accumulator[i] = float.MultiplyAddEstimate(weight, value[i], accumulator[i]);
        }
    }

    /// <summary>Sums the lanes and adds what is left of the head size.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Finish<TSimd, TVector>(TVector lanes, float* query, float* key, int start, int size)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float sum = TSimd.Sum(lanes);
        for (int i = start; i < size; i++)
        {
            sum = float.MultiplyAddEstimate(query[i], key[i], sum);
        }

        return sum;
    }
}
