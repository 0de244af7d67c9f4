using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>
/// What normalises a row: element x becomes <c>(x - Center) Scale + Shift</c>.
/// </summary>
internal readonly unsafe struct RowMoments
{
    private RowMoments(float center, float scale, float shift)
    {
        Center = center;
        Scale = scale;
        Shift = shift;
    }

    /// <summary>The mean as first found; 0 where none is subtracted.</summary>
    internal float Center { get; }

    /// <summary>One over the deviation.</summary>
    internal float Scale { get; }

    /// <summary>What the rounding of the mean left, times the scale, with the sign changed.</summary>
    internal float Shift { get; }

    internal static RowMoments Of<TSimd, TVector>(NormalizationKind kind, float* row, nint count, float epsilon)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        if (kind == NormalizationKind.RootMeanSquare)
        {
            float meanSquare = Reductions.SumOfSquares<TSimd, TVector>(row, count) / count;
            return new RowMoments(0f, 1f / MathF.Sqrt(meanSquare + epsilon), 0f);
        }

        float mean = Reductions.Sum<TSimd, TVector>(row, count) / count;
        float squares = Deviations<TSimd, TVector>(row, count, mean, out float sum);

        // The mean is rounded; the mean of the differences from it says by how much, and takes the same from the squares.
        float rest = sum / count;
        float variance = MathF.Max((squares / count) - (rest * rest), 0f);
        float scale = 1f / MathF.Sqrt(variance + epsilon);
        return new RowMoments(mean, scale, -rest * scale);
    }

    /// <summary>The sum of the squares of the differences from <paramref name="mean"/>, and the sum of the differences.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Deviations<TSimd, TVector>(float* row, nint count, float mean, out float sum)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector spread = TSimd.Create(mean);
        TVector sum0 = TSimd.Zero, sum1 = sum0, squares0 = sum0, squares1 = sum0;
        nint index = 0;
        for (; index <= count - 2 * TSimd.Count; index += 2 * TSimd.Count)
        {
            TVector difference0 = TSimd.Subtract(TSimd.Load(row + index), spread);
            TVector difference1 = TSimd.Subtract(TSimd.Load(row + index + TSimd.Count), spread);
            sum0 = TSimd.Add(sum0, difference0);
            sum1 = TSimd.Add(sum1, difference1);
            squares0 = TSimd.MultiplyAdd(difference0, difference0, squares0);
            squares1 = TSimd.MultiplyAdd(difference1, difference1, squares1);
        }

        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            TVector difference = TSimd.Subtract(TSimd.Load(row + index), spread);
            sum0 = TSimd.Add(sum0, difference);
            squares0 = TSimd.MultiplyAdd(difference, difference, squares0);
        }

        sum = TSimd.Sum(TSimd.Add(sum0, sum1));
        float squares = TSimd.Sum(TSimd.Add(squares0, squares1));
        for (; index < count; index++)
        {
            float difference = row[index] - mean;
            sum += difference;
            squares = SimdScalar.MultiplyAdd(difference, difference, squares);
        }

        return squares;
    }
}
