using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// What happens to one row of weights that lies in memory as a whole, besides its softmax. A weight or factor of zero selects
/// away whatever stands beside it.
/// </summary>
internal static unsafe class WeightRow
{
    /// <summary><c>destination = factor number</c>, zero where the factor is, whatever the number.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Drop<TSimd, TVector>(float* numbers, float* factors, float* destination, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TSimd.Store(Product<TSimd, TVector>(TSimd.Load(factors + i), TSimd.Load(numbers + i)), destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = Product<SimdScalar, float>(factors[i], numbers[i]);
        }
    }

    /// <summary>The sum of the products of weights and their gradients: what softmax takes off each gradient.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Mean<TSimd, TVector>(float* weights, float* gradients, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector sum0 = TSimd.Zero, sum1 = sum0;
        int i = 0;
        for (; i <= count - 2 * TSimd.Count; i += 2 * TSimd.Count)
        {
            sum0 = TSimd.Add(sum0, Product<TSimd, TVector>(TSimd.Load(weights + i), TSimd.Load(gradients + i)));
            sum1 = TSimd.Add(sum1, Product<TSimd, TVector>(TSimd.Load(weights + i + TSimd.Count), TSimd.Load(gradients + i + TSimd.Count)));
        }

        float sum = TSimd.Sum(TSimd.Add(sum0, sum1));
        for (; i < count; i++)
        {
            sum += Product<SimdScalar, float>(weights[i], gradients[i]);
        }

        return sum;
    }

    /// <summary><c>gradient = factor weight (gradient + shift)</c>: from the gradients of weights to those of products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void ScoreGradients<TSimd, TVector>(float* weights, float* gradients, int count, float shift, float factor)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector shifts = TSimd.Create(shift);
        TVector factors = TSimd.Create(factor);
        int i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TVector moved = TSimd.Multiply(TSimd.Add(TSimd.Load(gradients + i), shifts), factors);
            TSimd.Store(Product<TSimd, TVector>(TSimd.Load(weights + i), moved), gradients + i);
        }

        for (; i < count; i++)
        {
            gradients[i] = Product<SimdScalar, float>(weights[i], (gradients[i] + shift) * factor);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Product<TSimd, TVector>(TVector weight, TVector number)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, TSimd.Multiply(weight, number));
}
