using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The hidden layer of location-aware attention for one key, <c>tanh(query + key + U features)</c>, vectors along hidden numbers:
/// it lives in registers, or in one row of working memory where the backward pass needs it again.
/// </summary>
internal static unsafe class LocationHidden
{
    /// <summary>Computes the score of a key, without its bias.</summary>
    /// <param name="tables">The weights.</param>
    /// <param name="stride">A row of the projection.</param>
    /// <param name="query">[size].</param>
    /// <param name="key">[size].</param>
    /// <param name="size">Hidden numbers.</param>
    /// <param name="features">The key's first feature; the others follow at <paramref name="featureStride"/>.</param>
    /// <param name="featureStride">From one feature to the next.</param>
    /// <param name="featureCount">How many there are.</param>
    /// <param name="hidden">Receives the hidden numbers, [stride], zeros behind them; null if nobody wants them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Score<TSimd, TVector>(
        in LocationTables tables, int stride, float* query, float* key, int size, float* features, int featureStride, int featureCount,
        float* hidden)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int whole = size - size % TSimd.Count;
        float score = Part<TSimd, TVector>(tables, stride, query, key, 0, whole, features, featureStride, featureCount, hidden);
        if (whole < size)
        {
            score += Part<SimdScalar, float>(tables, stride, query, key, whole, size, features, featureStride, featureCount, hidden);
        }

        if (hidden != null)
        {
            RowOperations.Clear(hidden + size, stride - size);
        }

        return score;
    }

    /// <summary>
    /// Turns a row of hidden numbers h into their gradients before tanh, <c>z = gradient w (1 - h^2)</c>, and adds
    /// <c>gradient h</c> to the score vector's gradient and z to the query's.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Gradient<TSimd, TVector>(
        float gradient, float* scoreVector, float* hidden, int stride, float* scoreVectorGradient, float* queryGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factor = TSimd.Create(gradient);
        TVector one = TSimd.Create(1f);
        for (int i = 0; i < stride; i += TSimd.Count)
        {
            TVector h = TSimd.Load(hidden + i);
            TSimd.Store(TSimd.MultiplyAdd(factor, h, TSimd.Load(scoreVectorGradient + i)), scoreVectorGradient + i);

            // (1 - h)(1 + h) keeps its digits where h is near 1.
            TVector slope = TSimd.Multiply(TSimd.Subtract(one, h), TSimd.Add(one, h));
            TVector z = TSimd.Multiply(TSimd.Multiply(factor, TSimd.Load(scoreVector + i)), slope);
            TSimd.Store(z, hidden + i);
            TSimd.Store(TSimd.Add(TSimd.Load(queryGradient + i), z), queryGradient + i);
        }
    }

    /// <summary>
    /// Four keys at once, so that each row of the projection and of its gradient is read once for them:
    /// <c>sums[k] = U z_k</c> and <c>projectionGradient += feature_k z_k</c>, for one feature.
    /// </summary>
    /// <param name="projection">The feature's row, [stride].</param>
    /// <param name="projectionGradient">The gradient of that row, [stride].</param>
    /// <param name="hidden">z of the four keys, [4, stride].</param>
    /// <param name="stride">A row, a multiple of every vector.</param>
    /// <param name="features">The feature of the four keys.</param>
    /// <param name="sums">Receives the gradients of the feature of the four keys.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FeatureGradient<TSimd, TVector>(
        float* projection, float* projectionGradient, float* hidden, int stride, float* features, float* sums)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector feature0 = TSimd.Create(features[0]), feature1 = TSimd.Create(features[1]);
        TVector feature2 = TSimd.Create(features[2]), feature3 = TSimd.Create(features[3]);
        TVector sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
        for (int i = 0; i < stride; i += TSimd.Count)
        {
            TVector weight = TSimd.Load(projection + i);
            TVector gradient = TSimd.Load(projectionGradient + i);
            TVector z0 = TSimd.Load(hidden + i);
            TVector z1 = TSimd.Load(hidden + stride + i);
            TVector z2 = TSimd.Load(hidden + 2 * (nint)stride + i);
            TVector z3 = TSimd.Load(hidden + 3 * (nint)stride + i);
            sum0 = TSimd.MultiplyAdd(weight, z0, sum0);
            sum1 = TSimd.MultiplyAdd(weight, z1, sum1);
            sum2 = TSimd.MultiplyAdd(weight, z2, sum2);
            sum3 = TSimd.MultiplyAdd(weight, z3, sum3);
            gradient = TSimd.MultiplyAdd(feature0, z0, gradient);
            gradient = TSimd.MultiplyAdd(feature1, z1, gradient);
            gradient = TSimd.MultiplyAdd(feature2, z2, gradient);
            TSimd.Store(TSimd.MultiplyAdd(feature3, z3, gradient), projectionGradient + i);
        }

        sums[0] = TSimd.Sum(sum0);
        sums[1] = TSimd.Sum(sum1);
        sums[2] = TSimd.Sum(sum2);
        sums[3] = TSimd.Sum(sum3);
    }

    /// <summary><c>destination += factor source</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AddScaled<TSimd, TVector>(float factor, float* source, float* destination, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factors = TSimd.Create(factor);
        int i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.MultiplyAdd(factors, TSimd.Load(source + i), TSimd.Load(destination + i)), destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = SimdScalar.MultiplyAdd(factor, source[i], destination[i]);
        }
    }

    /// <summary>Whole vectors from <paramref name="start"/> to <paramref name="end"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Part<TSimd, TVector>(
        in LocationTables tables, int stride, float* query, float* key, int start, int end, float* features, int featureStride,
        int featureCount, float* hidden)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float* scoreVector = tables.ScoreVector;
        TVector sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
        int i = start;
        for (; i <= end - 4 * TSimd.Count; i += 4 * TSimd.Count)
        {
            // Four vectors share each feature, and their four exponentials overlap.
            float* queries = query + i;
            float* keys = key + i;
            TVector z0 = TSimd.Add(TSimd.Load(queries), TSimd.Load(keys));
            TVector z1 = TSimd.Add(TSimd.Load(queries + TSimd.Count), TSimd.Load(keys + TSimd.Count));
            TVector z2 = TSimd.Add(TSimd.Load(queries + 2 * TSimd.Count), TSimd.Load(keys + 2 * TSimd.Count));
            TVector z3 = TSimd.Add(TSimd.Load(queries + 3 * TSimd.Count), TSimd.Load(keys + 3 * TSimd.Count));
            float* row = tables.Projection + i;
            for (int feature = 0; feature < featureCount; feature++, row += stride)
            {
                TVector factor = TSimd.Create(features[(nint)feature * featureStride]);
                z0 = TSimd.MultiplyAdd(factor, TSimd.Load(row), z0);
                z1 = TSimd.MultiplyAdd(factor, TSimd.Load(row + TSimd.Count), z1);
                z2 = TSimd.MultiplyAdd(factor, TSimd.Load(row + 2 * TSimd.Count), z2);
                z3 = TSimd.MultiplyAdd(factor, TSimd.Load(row + 3 * TSimd.Count), z3);
            }

            z0 = VectorMath.Tanh<TSimd, TVector>(z0);
            z1 = VectorMath.Tanh<TSimd, TVector>(z1);
            z2 = VectorMath.Tanh<TSimd, TVector>(z2);
            z3 = VectorMath.Tanh<TSimd, TVector>(z3);
            sum0 = TSimd.MultiplyAdd(TSimd.Load(scoreVector + i), z0, sum0);
            sum1 = TSimd.MultiplyAdd(TSimd.Load(scoreVector + i + TSimd.Count), z1, sum1);
            sum2 = TSimd.MultiplyAdd(TSimd.Load(scoreVector + i + 2 * TSimd.Count), z2, sum2);
            sum3 = TSimd.MultiplyAdd(TSimd.Load(scoreVector + i + 3 * TSimd.Count), z3, sum3);
            if (hidden != null)
            {
                TSimd.Store(z0, hidden + i);
                TSimd.Store(z1, hidden + i + TSimd.Count);
                TSimd.Store(z2, hidden + i + 2 * TSimd.Count);
                TSimd.Store(z3, hidden + i + 3 * TSimd.Count);
            }
        }

        for (; i < end; i += TSimd.Count)
        {
            TVector z = TSimd.Add(TSimd.Load(query + i), TSimd.Load(key + i));
            float* row = tables.Projection + i;
            for (int feature = 0; feature < featureCount; feature++, row += stride)
            {
                z = TSimd.MultiplyAdd(TSimd.Create(features[(nint)feature * featureStride]), TSimd.Load(row), z);
            }

            z = VectorMath.Tanh<TSimd, TVector>(z);
            sum0 = TSimd.MultiplyAdd(TSimd.Load(scoreVector + i), z, sum0);
            if (hidden != null)
            {
                TSimd.Store(z, hidden + i);
            }
        }

        return TSimd.Sum(TSimd.Add(TSimd.Add(sum0, sum1), TSimd.Add(sum2, sum3)));
    }
}
