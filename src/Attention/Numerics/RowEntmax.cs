using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>
/// Sparsemax, entmax and their gradients for one row: <c>weight_j = [1 + (alpha - 1)(score_j - max - shift)]_+^(1 / (alpha - 1))</c>
/// with the shift for which the weights sum to 1. It is the formula of the papers, whose threshold would be
/// <c>(alpha - 1)(max + shift) - 1</c>; written so, it goes over into softmax without losing digits.
/// </summary>
internal static unsafe class RowEntmax
{
    /// <summary>The weights are divided by their sum at the end: closer to 1 than this it says nothing any more.</summary>
    private const float SmallExcess = 1f / (1 << 22);

    /// <summary>Computes the weights.</summary>
    /// <param name="scores">The row, [count]; negative infinity weighs nothing.</param>
    /// <param name="destination">The weights, [count]; other memory than the scores.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="power">Which alpha.</param>
    /// <remarks>A row of nothing but negative infinity gives zeros; one with NaN or positive infinity gives NaN throughout.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Forward<TSimd, TVector, TPower>(float* scores, float* destination, nint count, in TPower power)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TPower : struct, IEntmaxPower
    {
        float max = Reductions.Max<TSimd, TVector>(scores, count);
        max = max == float.NegativeInfinity ? 0f : max;
        nint whole = count - count % TSimd.Count;

        // The sum falls with the shift and is convex in it, so that Newton's steps, from the left, never overshoot: for
        // alpha = 2 they are Michelot's, which end exactly, after as many as the support shrinks.
        float shift = 0;
        float previous = float.PositiveInfinity;
        float sum;
        while (true)
        {
            sum = Weights<TSimd, TVector, TPower>(scores, destination, whole, max, shift, power, out float slopes)
                + Weights<SimdScalar, float, TPower>(scores + whole, destination + whole, count - whole, max, shift, power, out float slopesOfRest);
            float excess = sum - 1;
            if (!(excess > SmallExcess && excess < previous))
            {
                break;
            }

            previous = excess;
            shift += excess / (slopes + slopesOfRest);
        }

        if (sum != 0)
        {
            Divide<TSimd, TVector>(destination, whole, sum);
            Divide<SimdScalar, float>(destination + whole, count - whole, sum);
        }
    }

    /// <summary>
    /// Computes <c>destination = s (gradient - sum(s gradient) / sum(s))</c> with <c>s = weight^(2 - alpha)</c>, zero where the weight is.
    /// </summary>
    /// <param name="weights">The weights, [count].</param>
    /// <param name="gradient">The gradient by the weights, [count].</param>
    /// <param name="destination">The gradient by the scores, [count]; may be <paramref name="gradient"/>.</param>
    /// <param name="count">How many there are.</param>
    /// <param name="power">Which alpha.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Backward<TSimd, TVector, TPower>(float* weights, float* gradient, float* destination, nint count, in TPower power)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TPower : struct, IEntmaxPower
    {
        TVector slopes = TSimd.Zero;
        TVector products = TSimd.Zero;
        nint i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TVector weight = TSimd.Load(weights + i);
            TVector slope = power.Slope<TSimd, TVector>(weight);
            slopes = TSimd.Add(slopes, OrZero<TSimd, TVector>(weight, slope));
            products = TSimd.Add(products, OrZero<TSimd, TVector>(weight, TSimd.Multiply(slope, TSimd.Load(gradient + i))));
        }

        float slopeSum = TSimd.Sum(slopes);
        float productSum = TSimd.Sum(products);
        for (; i < count; i++)
        {
            float slope = power.Slope<SimdScalar, float>(weights[i]);
            slopeSum += OrZero<SimdScalar, float>(weights[i], slope);
            productSum += OrZero<SimdScalar, float>(weights[i], slope * gradient[i]);
        }

        // Without any weight every slope is zero, and so is what is written.
        float mean = productSum / slopeSum;
        TVector means = TSimd.Create(mean);
        for (i = 0; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TVector weight = TSimd.Load(weights + i);
            TVector moved = TSimd.Subtract(TSimd.Load(gradient + i), means);
            TSimd.Store(OrZero<TSimd, TVector>(weight, TSimd.Multiply(power.Slope<TSimd, TVector>(weight), moved)), destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = OrZero<SimdScalar, float>(weights[i], power.Slope<SimdScalar, float>(weights[i]) * (gradient[i] - mean));
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Weights<TSimd, TVector, TPower>(
        float* scores, float* destination, nint count, float max, float shift, in TPower power, out float slopes)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TPower : struct, IEntmaxPower
    {
        TVector maxima = TSimd.Create(max);
        TVector shifts = TSimd.Create(shift);
        TVector steps = TSimd.Create(power.Step);
        TVector sum = TSimd.Zero;
        TVector slopeSum = TSimd.Zero;
        for (nint i = 0; i < count; i += TSimd.Count)
        {
            TVector distance = TSimd.Subtract(TSimd.Subtract(TSimd.Load(scores + i), maxima), shifts);
            TVector weight = power.Weight<TSimd, TVector>(TSimd.Multiply(steps, distance), out TVector slope);
            TSimd.Store(weight, destination + i);
            sum = TSimd.Add(sum, weight);
            slopeSum = TSimd.Add(slopeSum, slope);
        }

        slopes = TSimd.Sum(slopeSum);
        return TSimd.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Divide<TSimd, TVector>(float* values, nint count, float divisor)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector spread = TSimd.Create(divisor);
        for (nint i = 0; i < count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.Divide(TSimd.Load(values + i), spread), values + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector OrZero<TSimd, TVector>(TVector weight, TVector number)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, number);
}
