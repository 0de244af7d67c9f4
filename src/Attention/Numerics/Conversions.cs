using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>Rows of floats to and from the narrower numbers that caches store.</summary>
internal static unsafe class Conversions
{
    /// <summary>The largest size of a quantised number; -128 is left out, so that the range is symmetric.</summary>
    internal const float Int8Limit = 127f;

    private const float SmallestNormal = 1.17549435e-38f;

    /// <summary>Rounds floats to bfloat16, to nearest, ties to even; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void ToBFloat16<TSimd, TVector>(float* source, ushort* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint index = 0;
        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            TSimd.StoreBFloat16(TSimd.Load(source + index), destination + index);
        }

        for (; index < count; index++)
        {
            SimdScalar.StoreBFloat16(source[index], destination + index);
        }
    }

    /// <summary>Widens bfloat16 to float, exactly.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FromBFloat16<TSimd, TVector>(ushort* source, float* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint index = 0;
        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            TSimd.Store(TSimd.LoadBFloat16(source + index), destination + index);
        }

        for (; index < count; index++)
        {
            destination[index] = SimdScalar.LoadBFloat16(source + index);
        }
    }

    /// <summary>Rounds floats to half precision, to nearest, ties to even; NaN stays NaN.</summary>
    internal static void ToHalf(float* source, Half* destination, nint count) =>
        TensorPrimitives.ConvertToHalf(new ReadOnlySpan<float>(source, checked((int)count)), new Span<Half>(destination, checked((int)count)));

    /// <summary>Widens half precision to float, exactly.</summary>
    internal static void FromHalf(Half* source, float* destination, nint count) =>
        TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, checked((int)count)), new Span<float>(destination, checked((int)count)));

    /// <summary>
    /// Quantises a row to signed bytes with one scale, the largest size / 127: <c>source = scale * destination</c>, wrong by
    /// at most scale / 2 (1 + 2^-15).
    /// </summary>
    /// <param name="source">The row, [count].</param>
    /// <param name="destination">The bytes, [count], in [-127, 127].</param>
    /// <param name="count">How many there are.</param>
    /// <returns>
    /// The scale: 0 for a row that is zero or smaller than 127 * 2^-126 throughout (its bytes are 0), NaN for a row with NaN
    /// or infinity, whose bytes mean nothing: it comes back as NaN.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float ToInt8<TSimd, TVector>(float* source, sbyte* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint whole = count - count % TSimd.Count;
        float scale = SimdScalar.Max(
            LargestSize<TSimd, TVector>(source, whole, out float poison),
            LargestSize<SimdScalar, float>(source + whole, count - whole, out float tailPoison)) / Int8Limit;
        if (float.IsNaN(poison + tailPoison))
        {
            new Span<sbyte>(destination, checked((int)count)).Clear();
            return float.NaN;
        }

        if (scale < SmallestNormal)
        {
            new Span<sbyte>(destination, checked((int)count)).Clear();
            return 0f;
        }

        Quantize<TSimd, TVector>(source, destination, whole, scale);
        Quantize<SimdScalar, float>(source + whole, destination + whole, count - whole, scale);
        return scale;
    }

    /// <summary>Computes <c>destination = scale * source</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void FromInt8<TSimd, TVector>(sbyte* source, float scale, float* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector spread = TSimd.Create(scale);
        nint index = 0;
        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            TSimd.Store(TSimd.Multiply(TSimd.LoadInt8(source + index), spread), destination + index);
        }

        for (; index < count; index++)
        {
            destination[index] = source[index] * scale;
        }
    }

    /// <summary>The largest absolute value of whole vectors, and a number that is NaN if one of theirs is not finite, else 0.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float LargestSize<TSimd, TVector>(float* source, nint count, out float poison)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector largest = TSimd.Zero;
        TVector zeros = TSimd.Zero;
        for (nint index = 0; index < count; index += TSimd.Count)
        {
            TVector value = TSimd.Load(source + index);
            largest = TSimd.Max(largest, TSimd.Abs(value));
            zeros = TSimd.MultiplyAdd(value, TSimd.Zero, zeros);
        }

        poison = TSimd.Sum(zeros);
        return TSimd.MaxAcross(largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Quantize<TSimd, TVector>(float* source, sbyte* destination, nint count, float scale)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector divisor = TSimd.Create(scale);
        for (nint index = 0; index < count; index += TSimd.Count)
        {
            TSimd.StoreInt8(TSimd.Round(TSimd.Divide(TSimd.Load(source + index), divisor)), destination + index);
        }
    }
}
