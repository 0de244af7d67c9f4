using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Attention.Simd;

/// <summary>8 floats at a time: AVX2.</summary>
public readonly unsafe struct Simd256 : ISimd<Vector256<float>>
{
    /// <inheritdoc/>
    public static int Count => Vector256<float>.Count;

    /// <inheritdoc/>
    public static int TileVectors => Avx512F.VL.IsSupported ? 4 : 2;

    /// <inheritdoc/>
    public static Vector256<float> Zero => Vector256<float>.Zero;

    /// <inheritdoc/>
    public static Vector256<float> Lanes => Vector256<float>.Indices;

    /// <inheritdoc/>
    public static Vector256<float> Create(float value) => Vector256.Create(value);

    /// <inheritdoc/>
    public static Vector256<float> Load(float* source) => Vector256.Load(source);

    /// <inheritdoc/>
    public static void Store(Vector256<float> value, float* destination) => value.Store(destination);

    /// <inheritdoc/>
    public static Vector256<float> LoadPairs(float* source, out Vector256<float> second)
    {
        Vector128<float> low = Simd128.LoadPairs(source, out Vector128<float> lowSecond);
        Vector128<float> high = Simd128.LoadPairs(source + Vector256<float>.Count, out Vector128<float> highSecond);
        second = Vector256.Create(lowSecond, highSecond);
        return Vector256.Create(low, high);
    }

    /// <inheritdoc/>
    public static void StorePairs(Vector256<float> first, Vector256<float> second, float* destination)
    {
        Simd128.StorePairs(first.GetLower(), second.GetLower(), destination);
        Simd128.StorePairs(first.GetUpper(), second.GetUpper(), destination + Vector256<float>.Count);
    }

    /// <inheritdoc/>
    public static Vector256<float> LoadInt8(sbyte* source) => Avx2.IsSupported
        ? Vector256.ConvertToSingle(Avx2.ConvertToVector256Int32(source))
        : Vector256.ConvertToSingle(Vector256.WidenLower(Vector256.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<long>(source)).AsSByte().ToVector256Unsafe())));

    /// <inheritdoc/>
    public static Vector256<float> LoadBFloat16(ushort* source) =>
        Avx2.IsSupported
            ? (Avx2.ConvertToVector256Int32(source) << 16).AsSingle()
            : (Vector256.WidenLower(Vector128.Load(source).ToVector256Unsafe()) << 16).AsSingle();

    /// <inheritdoc/>
    public static void StoreInt8(Vector256<float> value, sbyte* destination)
    {
        Vector256<short> words = Vector256.Narrow(Vector256.ConvertToInt32Native(value), Vector256<int>.Zero);
        Vector256<sbyte> bytes = Vector256.Narrow(words, words);
        Unsafe.WriteUnaligned(destination, bytes.AsInt64().ToScalar());
    }

    /// <inheritdoc/>
    public static void StoreBFloat16(Vector256<float> value, ushort* destination)
    {
        Vector256<uint> bits = value.AsUInt32();
        Vector256<uint> last = (bits >> FloatBits.BFloat16Shift) & Vector256<uint>.One;
        Vector256<uint> rounded = bits + last + Vector256.Create(FloatBits.BFloat16Half);
        Vector256<uint> quiet = bits | Vector256.Create(FloatBits.QuietNaN);
        Vector256<uint> upper = Vector256.ConditionalSelect(Vector256.Equals(value, value).AsUInt32(), rounded, quiet) >> FloatBits.BFloat16Shift;
        Vector256<ushort> narrow = Vector256.Narrow(upper, upper);
        narrow.GetLower().Store(destination);
    }

    /// <inheritdoc/>
    public static Vector256<float> Add(Vector256<float> left, Vector256<float> right) => left + right;

    /// <inheritdoc/>
    public static Vector256<float> Subtract(Vector256<float> left, Vector256<float> right) => left - right;

    /// <inheritdoc/>
    public static Vector256<float> Multiply(Vector256<float> left, Vector256<float> right) => left * right;

    /// <inheritdoc/>
    public static Vector256<float> Divide(Vector256<float> left, Vector256<float> right) => left / right;

    /// <inheritdoc/>
    public static Vector256<float> MultiplyAdd(Vector256<float> left, Vector256<float> right, Vector256<float> addend) =>
        Vector256.MultiplyAddEstimate(left, right, addend);

    /// <inheritdoc/>
    public static Vector256<float> Max(Vector256<float> left, Vector256<float> right) => Vector256.MaxNative(left, right);

    /// <inheritdoc/>
    public static Vector256<float> Min(Vector256<float> left, Vector256<float> right) => Vector256.MinNative(left, right);

    /// <inheritdoc/>
    public static Vector256<float> Abs(Vector256<float> value) => Vector256.Abs(value);

    /// <inheritdoc/>
    public static Vector256<float> Sqrt(Vector256<float> value) => Vector256.Sqrt(value);

    /// <inheritdoc/>
    public static Vector256<float> Round(Vector256<float> value) => Vector256.Round(value);

    /// <inheritdoc/>
    public static Vector256<float> PowerOfTwo(Vector256<float> exponent) =>
        ((Vector256.ConvertToInt32Native(exponent) + Vector256.Create(FloatBits.ExponentBias)) << FloatBits.MantissaBits).AsSingle();

    /// <inheritdoc/>
    public static Vector256<float> PowerOfTwoFromLowBits(Vector256<float> value) => (value.AsInt32() << FloatBits.MantissaBits).AsSingle();

    /// <inheritdoc/>
    public static Vector256<float> Mantissa(Vector256<float> value, out Vector256<float> exponent)
    {
        Vector256<int> shifted = value.AsInt32() - Vector256.Create(FloatBits.RootOfHalf);
        exponent = Vector256.ConvertToSingle(shifted >> FloatBits.MantissaBits);
        return ((shifted & Vector256.Create(FloatBits.MantissaMask)) + Vector256.Create(FloatBits.RootOfHalf)).AsSingle();
    }

    /// <inheritdoc/>
    public static Vector256<float> LessThan(Vector256<float> left, Vector256<float> right) => Vector256.LessThan(left, right);

    /// <inheritdoc/>
    public static Vector256<float> Equals(Vector256<float> left, Vector256<float> right) => Vector256.Equals(left, right);

    /// <inheritdoc/>
    public static Vector256<float> And(Vector256<float> left, Vector256<float> right) => left & right;

    /// <inheritdoc/>
    public static Vector256<float> Select(Vector256<float> mask, Vector256<float> ifTrue, Vector256<float> ifFalse) =>
        Vector256.ConditionalSelect(mask, ifTrue, ifFalse);

    /// <inheritdoc/>
    public static Vector256<float> CopySign(Vector256<float> magnitude, Vector256<float> sign) => Vector256.CopySign(magnitude, sign);

    /// <inheritdoc/>
    public static float Sum(Vector256<float> value) => Simd128.Sum(value.GetLower() + value.GetUpper());

    /// <inheritdoc/>
    public static float MaxAcross(Vector256<float> value) =>
        Simd128.MaxAcross(Vector128.MaxNative(value.GetLower(), value.GetUpper()));
}
