using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Brings compact rows of gradients to the rows of a tensor.</summary>
internal static unsafe class GradientRows
{
    /// <summary>destination += factor source, row by row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Add<TSimd, TVector>(
        float* source, nint sourceStride, int size, float factor, int rows, float* destination, nint stride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factors = TSimd.Create(factor);
        for (int row = 0; row < rows; row++, source += sourceStride, destination += stride)
        {
            int i = 0;
            for (; i + TSimd.Count <= size; i += TSimd.Count)
            {
                TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(source + i), factors, TSimd.Load(destination + i)), destination + i);
            }

            for (; i < size; i++)
            {
                destination[i] = float.MultiplyAddEstimate(source[i], factor, destination[i]);
            }
        }
    }

    /// <summary>destination = factor source, row by row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Write<TSimd, TVector>(
        float* source, nint sourceStride, int size, float factor, int rows, float* destination, nint stride)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factors = TSimd.Create(factor);
        for (int row = 0; row < rows; row++, source += sourceStride, destination += stride)
        {
            int i = 0;
            for (; i + TSimd.Count <= size; i += TSimd.Count)
            {
                TSimd.Store(TSimd.Multiply(TSimd.Load(source + i), factors), destination + i);
            }

            for (; i < size; i++)
            {
                destination[i] = source[i] * factor;
            }
        }
    }
}
