using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The hyperbolic tangents of additive attention, which are nearly all of its work: in go rows of queries and keys, times
/// <see cref="Scale"/> and filled up with zeros to whole vectors, out come scores, or sums of gradients. Vectors run along the hidden
/// size, so that rows are read as they lie and a pair ends in one sum across a vector.
/// </summary>
/// <remarks>
/// tanh(x) = m / (m + 2) with m = 2^y - 1 and y = <see cref="Scale"/> x: rows that are scaled once save each pair the reduction to
/// powers of two. m is computed as such and does not cancel near zero, on either side of it, so that signs need no care either.
/// </remarks>
internal static unsafe class AdditiveKernel
{
    /// <summary>2 log2(e).</summary>
    internal const float Scale = 2.885390082f;

    /// <summary>2^y leaves the range of floats beyond; the tangent is 1 or -1 long before.</summary>
    private const float Largest = 120;

    /// <summary>1.5 * 2^23: adding it rounds a number to an integer, which then stands in the low bits.</summary>
    private const float RoundingShift = 12582912 + 127;

    /// <summary>Query rows that are computed together: a key is loaded once for them, and their tangents overlap.</summary>
    private const int Rows = 4;

    /// <summary><c>scores[row, key] = sum over c of vector[c] tanh(query[row, c] + key[key, c])</c>.</summary>
    /// <param name="queries">The scaled queries, rows of <paramref name="stride"/>.</param>
    /// <param name="rows">How many.</param>
    /// <param name="keys">The scaled keys.</param>
    /// <param name="count">How many.</param>
    /// <param name="vector">The score vector.</param>
    /// <param name="stride">The hidden size in whole vectors.</param>
    /// <param name="scores">Where they go.</param>
    /// <param name="scoreStride">The distance between rows of scores.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Scores<TSimd, TVector>(
        float* queries, int rows, float* keys, int count, float* vector, int stride, float* scores, nint scoreStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int row = 0;
        for (; row <= rows - Rows; row += Rows)
        {
            for (int key = 0; key < count; key++)
            {
                FourScores<TSimd, TVector>(
                    queries + (nint)row * stride, keys + (nint)key * stride, vector, stride, scores + row * scoreStride + key, scoreStride);
            }
        }

        for (; row < rows; row++)
        {
            for (int key = 0; key < count; key++)
            {
                scores[row * scoreStride + key] = OneScore<TSimd, TVector>(
                    queries + (nint)row * stride, keys + (nint)key * stride, vector, stride);
            }
        }
    }

    /// <summary>
    /// With t the tangent of a pair and g the gradient of its score, sums g (1 - t^2) by query into <paramref name="querySums"/> and
    /// by key into <paramref name="keySums"/>, and g t over all pairs into <paramref name="vectorSums"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Gradients<TSimd, TVector>(
        float* queries, int rows, float* keys, int count, int stride, float* scoreGradients, nint gradientStride,
        float* querySums, float* keySums, float* vectorSums)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int row = 0;
        for (; row <= rows - Rows; row += Rows)
        {
            for (int c = 0; c < stride; c += TSimd.Count)
            {
                FourGradients<TSimd, TVector>(
                    queries + (nint)row * stride + c, keys + c, count, stride, scoreGradients + row * gradientStride, gradientStride,
                    querySums + (nint)row * stride + c, keySums + c, vectorSums + c);
            }
        }

        for (; row < rows; row++)
        {
            for (int c = 0; c < stride; c += TSimd.Count)
            {
                OneGradient<TSimd, TVector>(
                    queries + (nint)row * stride + c, keys + c, count, stride, scoreGradients + row * gradientStride,
                    querySums + (nint)row * stride + c, keySums + c, vectorSums + c);
            }
        }
    }

    /// <summary>Whether a row of whole vectors has neither NaN nor infinity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool IsFinite<TSimd, TVector>(float* row, int stride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector infinity = TSimd.Create(float.PositiveInfinity);
        TVector one = TSimd.Create(1);
        TVector finite = one;
        for (int c = 0; c < stride; c += TSimd.Count)
        {
            finite = TSimd.Select(TSimd.LessThan(TSimd.Abs(TSimd.Load(row + c)), infinity), finite, TSimd.Zero);
        }

        return TSimd.Sum(finite) == TSimd.Count;
    }

    /// <summary>Adds a single pair, whose rows are not scaled, to the sums of <see cref="Gradients"/>.</summary>
    internal static void AddPair(float* query, float* key, int size, float gradient, float* querySums, float* keySums, float* vectorSums)
    {
        for (int c = 0; c < size; c++)
        {
            float tanh = VectorMath.Tanh<SimdScalar, float>(query[c] + key[c], out float slope);
            vectorSums[c] += gradient * tanh;
            slope *= gradient;
            querySums[c] += slope;
            keySums[c] += slope;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void FourScores<TSimd, TVector>(float* query, float* key, float* vector, nint stride, float* scores, nint scoreStride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector s0 = TSimd.Zero, s1 = s0, s2 = s0, s3 = s0;
        for (nint c = 0; c < stride; c += TSimd.Count)
        {
            TVector k = TSimd.Load(key + c);
            TVector v = TSimd.Load(vector + c);
            s0 = TSimd.MultiplyAdd(v, Tanh<TSimd, TVector>(TSimd.Add(TSimd.Load(query + c), k)), s0);
            s1 = TSimd.MultiplyAdd(v, Tanh<TSimd, TVector>(TSimd.Add(TSimd.Load(query + stride + c), k)), s1);
            s2 = TSimd.MultiplyAdd(v, Tanh<TSimd, TVector>(TSimd.Add(TSimd.Load(query + 2 * stride + c), k)), s2);
            s3 = TSimd.MultiplyAdd(v, Tanh<TSimd, TVector>(TSimd.Add(TSimd.Load(query + 3 * stride + c), k)), s3);
        }

        scores[0] = TSimd.Sum(s0);
        scores[scoreStride] = TSimd.Sum(s1);
        scores[2 * scoreStride] = TSimd.Sum(s2);
        scores[3 * scoreStride] = TSimd.Sum(s3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float OneScore<TSimd, TVector>(float* query, float* key, float* vector, nint stride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector sum = TSimd.Zero;
        for (nint c = 0; c < stride; c += TSimd.Count)
        {
            TVector tanh = Tanh<TSimd, TVector>(TSimd.Add(TSimd.Load(query + c), TSimd.Load(key + c)));
            sum = TSimd.MultiplyAdd(TSimd.Load(vector + c), tanh, sum);
        }

        return TSimd.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void FourGradients<TSimd, TVector>(
        float* query, float* key, int count, nint stride, float* gradients, nint gradientStride, float* querySums, float* keySums, float* vectorSums)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector q0 = TSimd.Load(query);
        TVector q1 = TSimd.Load(query + stride);
        TVector q2 = TSimd.Load(query + 2 * stride);
        TVector q3 = TSimd.Load(query + 3 * stride);
        TVector s0 = TSimd.Zero, s1 = s0, s2 = s0, s3 = s0, sum = s0;
        float* gradients2 = gradients + 2 * gradientStride;
        for (int i = 0; i < count; i++, key += stride, keySums += stride, gradients++, gradients2++)
        {
            TVector k = TSimd.Load(key);
            TVector h0 = Slope<TSimd, TVector>(q0, k, *gradients, ref sum);
            s0 = TSimd.Add(s0, h0);
            TVector h1 = Slope<TSimd, TVector>(q1, k, gradients[gradientStride], ref sum);
            s1 = TSimd.Add(s1, h1);
            h0 = TSimd.Add(h0, h1);
            h1 = Slope<TSimd, TVector>(q2, k, *gradients2, ref sum);
            s2 = TSimd.Add(s2, h1);
            TVector h3 = Slope<TSimd, TVector>(q3, k, gradients2[gradientStride], ref sum);
            s3 = TSimd.Add(s3, h3);
            Add<TSimd, TVector>(TSimd.Add(h0, TSimd.Add(h1, h3)), keySums);
        }

        Add<TSimd, TVector>(s0, querySums);
        Add<TSimd, TVector>(s1, querySums + stride);
        Add<TSimd, TVector>(s2, querySums + 2 * stride);
        Add<TSimd, TVector>(s3, querySums + 3 * stride);
        Add<TSimd, TVector>(sum, vectorSums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void OneGradient<TSimd, TVector>(
        float* query, float* key, int count, nint stride, float* gradients, float* querySums, float* keySums, float* vectorSums)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector q = TSimd.Load(query);
        TVector own = TSimd.Zero, sum = own;
        for (int i = 0; i < count; i++, key += stride, keySums += stride, gradients++)
        {
            TVector h = Slope<TSimd, TVector>(q, TSimd.Load(key), *gradients, ref sum);
            own = TSimd.Add(own, h);
            Add<TSimd, TVector>(h, keySums);
        }

        Add<TSimd, TVector>(own, querySums);
        Add<TSimd, TVector>(sum, vectorSums);
    }

    /// <summary>g (1 - t^2) of a pair; g t is added to the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Slope<TSimd, TVector>(TVector query, TVector key, float gradient, ref TVector sum)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // 1 - tanh^2 = 4 (m + 1) / (m + 2)^2, which does not cancel where the tangent is near 1.
        TVector scaled = TSimd.Add(query, key);
        TVector lessOne = PowerLessOne<TSimd, TVector>(scaled);
        TVector inverse = TSimd.Divide(TSimd.Create(2), TSimd.Add(lessOne, TSimd.Create(2)));
        TVector factor = TSimd.Create(gradient);
        sum = TSimd.MultiplyAdd(TSimd.Multiply(factor, inverse), TSimd.Multiply(lessOne, TSimd.Create(0.5f)), sum);
        TVector slope = TSimd.Multiply(TSimd.Multiply(inverse, TSimd.Add(lessOne, TSimd.Create(1))), inverse);
        return TSimd.Multiply(factor, TSimd.Select(TSimd.LessThan(TSimd.Create(Largest), scaled), TSimd.Zero, slope));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Tanh<TSimd, TVector>(TVector scaled)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector lessOne = PowerLessOne<TSimd, TVector>(scaled);
        return TSimd.Divide(lessOne, TSimd.Add(lessOne, TSimd.Create(2)));
    }

    /// <summary>2^y - 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector PowerLessOne<TSimd, TVector>(TVector scaled)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = TSimd.Min(TSimd.Create(Largest), TSimd.Max(TSimd.Create(-Largest), scaled));
        TVector shifted = TSimd.Add(bounded, TSimd.Create(RoundingShift));
        TVector fraction = TSimd.Subtract(bounded, TSimd.Subtract(shifted, TSimd.Create(RoundingShift)));

        // (2^f - 1) / f for |f| up to a half, wrong by 2.2e-8 relatively.
        TVector tail = TSimd.Create(0.000154533613f);
        tail = TSimd.MultiplyAdd(tail, fraction, TSimd.Create(0.00133910938f));
        tail = TSimd.MultiplyAdd(tail, fraction, TSimd.Create(0.00961808208f));
        tail = TSimd.MultiplyAdd(tail, fraction, TSimd.Create(0.0555035658f));
        tail = TSimd.MultiplyAdd(tail, fraction, TSimd.Create(0.240226507f));
        tail = TSimd.MultiplyAdd(tail, fraction, TSimd.Create(0.693147182f));
        TVector power = TSimd.PowerOfTwoFromLowBits(shifted);
        return TSimd.MultiplyAdd(power, TSimd.Multiply(tail, fraction), TSimd.Subtract(power, TSimd.Create(1)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add<TSimd, TVector>(TVector value, float* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Store(TSimd.Add(TSimd.Load(destination), value), destination);
}
