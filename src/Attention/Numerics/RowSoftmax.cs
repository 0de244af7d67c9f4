using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>The softmax of one row that lies in memory as a whole, with its log-sum-exp.</summary>
internal static unsafe class RowSoftmax
{
    /// <summary>
    /// Computes <c>destination = exp(scores - logSumExp)</c>, stably: the maximum is subtracted first.
    /// </summary>
    /// <param name="scores">The row, [count]; negative infinity is what a mask hides.</param>
    /// <param name="destination">The weights, [count]; may be <paramref name="scores"/> itself.</param>
    /// <param name="count">How many there are.</param>
    /// <returns>
    /// ln(sum(exp(scores))). A row that is empty or hidden as a whole gives weights 0 and negative infinity; one with NaN or
    /// positive infinity gives NaN throughout.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Forward<TSimd, TVector>(float* scores, float* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float max = Reductions.Max<TSimd, TVector>(scores, count);

        // With nothing to see, anything finite serves as the maximum: the sum tells, and NaN, which a maximum may pass
        // over, gets into it.
        max = max == float.NegativeInfinity ? 0f : max;
        nint whole = count - count % TSimd.Count;
        float sum = Exponentials<TSimd, TVector>(scores, destination, whole, max)
            + Exponentials<SimdScalar, float>(scores + whole, destination + whole, count - whole, max);
        if (sum == 0f)
        {
            // The exponentials are the zeros asked for.
            return float.NegativeInfinity;
        }

        Divide<TSimd, TVector>(destination, whole, sum);
        Divide<SimdScalar, float>(destination + whole, count - whole, sum);
        return max + VectorMath.Log<SimdScalar, float>(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Exponentials<TSimd, TVector>(float* scores, float* destination, nint count, float max)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector subtrahend = TSimd.Create(max);
        TVector scale = TSimd.Create(VectorMath.Log2E);
        TVector lowest = TSimd.Create(VectorMath.LowestDifference(VectorMath.Log2E));
        TVector sum = TSimd.Zero;
        for (nint index = 0; index < count; index += TSimd.Count)
        {
            TVector difference = TSimd.Subtract(TSimd.Load(scores + index), subtrahend);
            TVector weight = VectorMath.ExpScaledOfNonPositive<TSimd, TVector>(difference, scale, lowest);
            TSimd.Store(weight, destination + index);
            sum = TSimd.Add(sum, weight);
        }

        return TSimd.Sum(sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Divide<TSimd, TVector>(float* values, nint count, float divisor)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector spread = TSimd.Create(divisor);
        for (nint index = 0; index < count; index += TSimd.Count)
        {
            TSimd.Store(TSimd.Divide(TSimd.Load(values + index), spread), values + index);
        }
    }
}
