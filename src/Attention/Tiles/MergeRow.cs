using System.Numerics;
using System.Runtime.CompilerServices;

namespace Attention.Tiles;

/// <summary>The row operations of merging partial results; bound by memory, so the width of <see cref="Vector{T}"/> serves them.</summary>
internal static unsafe class MergeRow
{
    /// <summary>destination = firstWeight first + secondWeight second; what has weight zero is not looked at.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WeightedSum(float* first, float firstWeight, float* second, float secondWeight, float* destination, int size)
    {
        if (secondWeight == 0)
        {
            Scaled(first, firstWeight, destination, size);
            return;
        }

        if (firstWeight == 0)
        {
            Scaled(second, secondWeight, destination, size);
            return;
        }

        int i = 0;
        for (; i + Vector<float>.Count <= size; i += Vector<float>.Count)
        {
            (Vector.Load(first + i) * firstWeight + Vector.Load(second + i) * secondWeight).Store(destination + i);
        }

        for (; i < size; i++)
        {
            destination[i] = first[i] * firstWeight + second[i] * secondWeight;
        }
    }

    /// <summary>destination = factor source, or zeros for a factor of zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Scaled(float* source, float factor, float* destination, int size)
    {
        if (factor == 0)
        {
            new Span<float>(destination, size).Clear();
            return;
        }

        int i = 0;
        for (; i + Vector<float>.Count <= size; i += Vector<float>.Count)
        {
            (Vector.Load(source + i) * factor).Store(destination + i);
        }

        for (; i < size; i++)
        {
            destination[i] = source[i] * factor;
        }
    }

    /// <summary>sum(gradient (first - second)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float DotOfDifference(float* gradient, float* first, float* second, int size)
    {
        Vector<float> sums = Vector<float>.Zero;
        int i = 0;
        for (; i + Vector<float>.Count <= size; i += Vector<float>.Count)
        {
            sums += Vector.Load(gradient + i) * (Vector.Load(first + i) - Vector.Load(second + i));
        }

        float sum = Vector.Sum(sums);
        for (; i < size; i++)
        {
            sum += gradient[i] * (first[i] - second[i]);
        }

        return sum;
    }
}
