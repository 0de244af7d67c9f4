using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Attention.Simd;

/// <summary>16 floats at a time: AVX-512.</summary>
public readonly unsafe struct Simd512 : ISimd<Vector512<float>>
{
    /// <inheritdoc/>
    public static int Count => Vector512<float>.Count;

    /// <inheritdoc/>
    public static int TileVectors => 4;

    /// <inheritdoc/>
    public static Vector512<float> Zero => Vector512<float>.Zero;

    /// <inheritdoc/>
    public static Vector512<float> Lanes => Vector512<float>.Indices;

    /// <inheritdoc/>
    public static Vector512<float> Create(float value) => Vector512.Create(value);

    /// <inheritdoc/>
    public static Vector512<float> Load(float* source) => Vector512.Load(source);

    /// <inheritdoc/>
    public static void Store(Vector512<float> value, float* destination) => value.Store(destination);

    /// <inheritdoc/>
    public static Vector512<float> LoadPairs(float* source, out Vector512<float> second)
    {
        if (Avx512F.IsSupported)
        {
            Vector512<int> even = Vector512<int>.Indices << 1;
            Vector512<float> left = Vector512.Load(source);
            Vector512<float> right = Vector512.Load(source + Vector512<float>.Count);
            second = Avx512F.PermuteVar16x32x2(left, even | Vector512<int>.One, right);
            return Avx512F.PermuteVar16x32x2(left, even, right);
        }

        Vector256<float> low = Simd256.LoadPairs(source, out Vector256<float> lowSecond);
        Vector256<float> high = Simd256.LoadPairs(source + Vector512<float>.Count, out Vector256<float> highSecond);
        second = Vector512.Create(lowSecond, highSecond);
        return Vector512.Create(low, high);
    }

    /// <inheritdoc/>
    public static void StorePairs(Vector512<float> first, Vector512<float> second, float* destination)
    {
        if (Avx512F.IsSupported)
        {
            // Lane 2i of the result is lane i of the first vector, lane 2i + 1 that of the second, whose lanes count from 16.
            Vector512<int> lane = Vector512<int>.Indices;
            Vector512<int> from = (lane >> 1) | ((lane & Vector512<int>.One) << 4);
            Avx512F.PermuteVar16x32x2(first, from, second).Store(destination);
            Avx512F.PermuteVar16x32x2(first, from + Vector512.Create(8), second).Store(destination + Vector512<float>.Count);
            return;
        }

        Simd256.StorePairs(first.GetLower(), second.GetLower(), destination);
        Simd256.StorePairs(first.GetUpper(), second.GetUpper(), destination + Vector512<float>.Count);
    }

    /// <inheritdoc/>
    public static Vector512<float> LoadInt8(sbyte* source) => Avx512F.IsSupported
        ? Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(source)))
        : Vector512.ConvertToSingle(Vector512.WidenLower(Vector512.WidenLower(Vector128.Load(source).ToVector256Unsafe().ToVector512Unsafe())));

    /// <inheritdoc/>
    public static Vector512<float> LoadBFloat16(ushort* source) =>
        (Vector512.WidenLower(Vector256.Load(source).ToVector512Unsafe()) << 16).AsSingle();

    /// <inheritdoc/>
    public static void StoreInt8(Vector512<float> value, sbyte* destination)
    {
        Vector512<short> words = Vector512.Narrow(Vector512.ConvertToInt32Native(value), Vector512<int>.Zero);
        Vector512<sbyte> bytes = Vector512.Narrow(words, words);
        bytes.GetLower().GetLower().Store(destination);
    }

    /// <inheritdoc/>
    public static void StoreBFloat16(Vector512<float> value, ushort* destination)
    {
        Vector512<uint> bits = value.AsUInt32();
        Vector512<uint> last = (bits >> FloatBits.BFloat16Shift) & Vector512<uint>.One;
        Vector512<uint> rounded = bits + last + Vector512.Create(FloatBits.BFloat16Half);
        Vector512<uint> quiet = bits | Vector512.Create(FloatBits.QuietNaN);
        Vector512<uint> upper = Vector512.ConditionalSelect(Vector512.Equals(value, value).AsUInt32(), rounded, quiet) >> FloatBits.BFloat16Shift;
        Vector512<ushort> narrow = Vector512.Narrow(upper, upper);
        narrow.GetLower().Store(destination);
    }

    /// <inheritdoc/>
    public static Vector512<float> Add(Vector512<float> left, Vector512<float> right) => left + right;

    /// <inheritdoc/>
    public static Vector512<float> Subtract(Vector512<float> left, Vector512<float> right) => left - right;

    /// <inheritdoc/>
    public static Vector512<float> Multiply(Vector512<float> left, Vector512<float> right) => left * right;

    /// <inheritdoc/>
    public static Vector512<float> Divide(Vector512<float> left, Vector512<float> right) => left / right;

    /// <inheritdoc/>
    public static Vector512<float> MultiplyAdd(Vector512<float> left, Vector512<float> right, Vector512<float> addend) =>
        Vector512.MultiplyAddEstimate(left, right, addend);

    /// <inheritdoc/>
    public static Vector512<float> Max(Vector512<float> left, Vector512<float> right) => Vector512.MaxNative(left, right);

    /// <inheritdoc/>
    public static Vector512<float> Min(Vector512<float> left, Vector512<float> right) => Vector512.MinNative(left, right);

    /// <inheritdoc/>
    public static Vector512<float> Abs(Vector512<float> value) => Vector512.Abs(value);

    /// <inheritdoc/>
    public static Vector512<float> Sqrt(Vector512<float> value) => Vector512.Sqrt(value);

    /// <inheritdoc/>
    public static Vector512<float> Round(Vector512<float> value) => Vector512.Round(value);

    /// <inheritdoc/>
    public static Vector512<float> PowerOfTwo(Vector512<float> exponent) =>
        ((Vector512.ConvertToInt32Native(exponent) + Vector512.Create(FloatBits.ExponentBias)) << FloatBits.MantissaBits).AsSingle();

    /// <inheritdoc/>
    public static Vector512<float> PowerOfTwoFromLowBits(Vector512<float> value) => (value.AsInt32() << FloatBits.MantissaBits).AsSingle();

    /// <inheritdoc/>
    public static Vector512<float> Mantissa(Vector512<float> value, out Vector512<float> exponent)
    {
        Vector512<int> shifted = value.AsInt32() - Vector512.Create(FloatBits.RootOfHalf);
        exponent = Vector512.ConvertToSingle(shifted >> FloatBits.MantissaBits);
        return ((shifted & Vector512.Create(FloatBits.MantissaMask)) + Vector512.Create(FloatBits.RootOfHalf)).AsSingle();
    }

    /// <inheritdoc/>
    public static Vector512<float> LessThan(Vector512<float> left, Vector512<float> right) => Vector512.LessThan(left, right);

    /// <inheritdoc/>
    public static Vector512<float> Equals(Vector512<float> left, Vector512<float> right) => Vector512.Equals(left, right);

    /// <inheritdoc/>
    public static Vector512<float> And(Vector512<float> left, Vector512<float> right) => left & right;

    /// <inheritdoc/>
    public static Vector512<float> Select(Vector512<float> mask, Vector512<float> ifTrue, Vector512<float> ifFalse) =>
        Vector512.ConditionalSelect(mask, ifTrue, ifFalse);

    /// <inheritdoc/>
    public static Vector512<float> CopySign(Vector512<float> magnitude, Vector512<float> sign) => Vector512.CopySign(magnitude, sign);

    /// <inheritdoc/>
    public static float Sum(Vector512<float> value) => Simd256.Sum(value.GetLower() + value.GetUpper());

    /// <inheritdoc/>
    public static float MaxAcross(Vector512<float> value) =>
        Simd256.MaxAcross(Vector256.MaxNative(value.GetLower(), value.GetUpper()));
}
