using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>
/// Many numbers to one, always in the same order: four vectors of partial results side by side, joined as a tree, then what
/// is left over one by one. The bits depend on the width and the length, and not on where the numbers lie.
/// </summary>
internal static unsafe class Reductions
{
    /// <summary>The largest number; negative infinity of none. NaN is not looked for: it may win or be passed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Max<TSimd, TVector>(float* values, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector max0 = TSimd.Create(float.NegativeInfinity), max1 = max0, max2 = max0, max3 = max0;
        nint index = 0;
        for (; index <= count - 4 * TSimd.Count; index += 4 * TSimd.Count)
        {
            max0 = TSimd.Max(max0, TSimd.Load(values + index));
            max1 = TSimd.Max(max1, TSimd.Load(values + index + TSimd.Count));
            max2 = TSimd.Max(max2, TSimd.Load(values + index + 2 * TSimd.Count));
            max3 = TSimd.Max(max3, TSimd.Load(values + index + 3 * TSimd.Count));
        }

        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            max0 = TSimd.Max(max0, TSimd.Load(values + index));
        }

        float max = TSimd.MaxAcross(TSimd.Max(TSimd.Max(max0, max1), TSimd.Max(max2, max3)));
        for (; index < count; index++)
        {
            max = SimdScalar.Max(max, values[index]);
        }

        return max;
    }

    /// <summary>The sum; 0 of none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Sum<TSimd, TVector>(float* values, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
        nint index = 0;
        for (; index <= count - 4 * TSimd.Count; index += 4 * TSimd.Count)
        {
            sum0 = TSimd.Add(sum0, TSimd.Load(values + index));
            sum1 = TSimd.Add(sum1, TSimd.Load(values + index + TSimd.Count));
            sum2 = TSimd.Add(sum2, TSimd.Load(values + index + 2 * TSimd.Count));
            sum3 = TSimd.Add(sum3, TSimd.Load(values + index + 3 * TSimd.Count));
        }

        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            sum0 = TSimd.Add(sum0, TSimd.Load(values + index));
        }

        float sum = TSimd.Sum(TSimd.Add(TSimd.Add(sum0, sum1), TSimd.Add(sum2, sum3)));
        for (; index < count; index++)
        {
            sum += values[index];
        }

        return sum;
    }

    /// <summary>The sum of the products of pairs; 0 of none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Dot<TSimd, TVector>(float* left, float* right, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
        nint index = 0;
        for (; index <= count - 4 * TSimd.Count; index += 4 * TSimd.Count)
        {
            float* a = left + index;
            float* b = right + index;
            sum0 = TSimd.MultiplyAdd(TSimd.Load(a), TSimd.Load(b), sum0);
            sum1 = TSimd.MultiplyAdd(TSimd.Load(a + TSimd.Count), TSimd.Load(b + TSimd.Count), sum1);
            sum2 = TSimd.MultiplyAdd(TSimd.Load(a + 2 * TSimd.Count), TSimd.Load(b + 2 * TSimd.Count), sum2);
            sum3 = TSimd.MultiplyAdd(TSimd.Load(a + 3 * TSimd.Count), TSimd.Load(b + 3 * TSimd.Count), sum3);
        }

        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            sum0 = TSimd.MultiplyAdd(TSimd.Load(left + index), TSimd.Load(right + index), sum0);
        }

        float sum = TSimd.Sum(TSimd.Add(TSimd.Add(sum0, sum1), TSimd.Add(sum2, sum3)));
        for (; index < count; index++)
        {
            sum = SimdScalar.MultiplyAdd(left[index], right[index], sum);
        }

        return sum;
    }

    /// <summary>The sum of the squares; 0 of none.</summary>
    internal static float SumOfSquares<TSimd, TVector>(float* values, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => Dot<TSimd, TVector>(values, values, count);
}
