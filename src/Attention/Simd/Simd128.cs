using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Attention.Simd;

/// <summary>4 floats at a time: SSE or NEON.</summary>
public readonly unsafe struct Simd128 : ISimd<Vector128<float>>
{
    /// <inheritdoc/>
    public static int Count => Vector128<float>.Count;

    /// <inheritdoc/>
    public static int TileVectors => AdvSimd.IsSupported ? 4 : 2;

    /// <inheritdoc/>
    public static Vector128<float> Zero => Vector128<float>.Zero;

    /// <inheritdoc/>
    public static Vector128<float> Lanes => Vector128<float>.Indices;

    /// <inheritdoc/>
    public static Vector128<float> Create(float value) => Vector128.Create(value);

    /// <inheritdoc/>
    public static Vector128<float> Load(float* source) => Vector128.Load(source);

    /// <inheritdoc/>
    public static void Store(Vector128<float> value, float* destination) => value.Store(destination);

    /// <inheritdoc/>
    public static Vector128<float> LoadPairs(float* source, out Vector128<float> second)
    {
        Vector128<float> left = Vector128.Load(source);
        Vector128<float> right = Vector128.Load(source + Vector128<float>.Count);
        second = Interleave.Odd(left, right);
        return Interleave.Even(left, right);
    }

    /// <inheritdoc/>
    public static void StorePairs(Vector128<float> first, Vector128<float> second, float* destination)
    {
        Interleave.Low(first, second).Store(destination);
        Interleave.High(first, second).Store(destination + Vector128<float>.Count);
    }

    /// <inheritdoc/>
    public static Vector128<float> LoadInt8(sbyte* source) => Sse41.IsSupported
        ? Vector128.ConvertToSingle(Sse41.ConvertToVector128Int32(source))
        : Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<int>(source)).AsSByte())));

    /// <inheritdoc/>
    public static Vector128<float> LoadBFloat16(ushort* source) =>
        (Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<long>(source)).AsUInt16()) << 16).AsSingle();

    /// <inheritdoc/>
    public static void StoreInt8(Vector128<float> value, sbyte* destination)
    {
        Vector128<short> words = Vector128.Narrow(Vector128.ConvertToInt32Native(value), Vector128<int>.Zero);
        Vector128<sbyte> bytes = Vector128.Narrow(words, words);
        Unsafe.WriteUnaligned(destination, bytes.AsInt32().ToScalar());
    }

    /// <inheritdoc/>
    public static void StoreBFloat16(Vector128<float> value, ushort* destination)
    {
        Vector128<uint> bits = value.AsUInt32();
        Vector128<uint> last = (bits >> FloatBits.BFloat16Shift) & Vector128<uint>.One;
        Vector128<uint> rounded = bits + last + Vector128.Create(FloatBits.BFloat16Half);
        Vector128<uint> quiet = bits | Vector128.Create(FloatBits.QuietNaN);
        Vector128<uint> upper = Vector128.ConditionalSelect(Vector128.Equals(value, value).AsUInt32(), rounded, quiet) >> FloatBits.BFloat16Shift;
        Vector128<ushort> narrow = Vector128.Narrow(upper, upper);
        Unsafe.WriteUnaligned(destination, narrow.AsInt64().ToScalar());
    }

    /// <inheritdoc/>
    public static Vector128<float> Add(Vector128<float> left, Vector128<float> right) => left + right;

    /// <inheritdoc/>
    public static Vector128<float> Subtract(Vector128<float> left, Vector128<float> right) => left - right;

    /// <inheritdoc/>
    public static Vector128<float> Multiply(Vector128<float> left, Vector128<float> right) => left * right;

    /// <inheritdoc/>
    public static Vector128<float> Divide(Vector128<float> left, Vector128<float> right) => left / right;

    /// <inheritdoc/>
    public static Vector128<float> MultiplyAdd(Vector128<float> left, Vector128<float> right, Vector128<float> addend) =>
        Vector128.MultiplyAddEstimate(left, right, addend);

    /// <inheritdoc/>
    public static Vector128<float> Max(Vector128<float> left, Vector128<float> right) => Vector128.MaxNative(left, right);

    /// <inheritdoc/>
    public static Vector128<float> Min(Vector128<float> left, Vector128<float> right) => Vector128.MinNative(left, right);

    /// <inheritdoc/>
    public static Vector128<float> Abs(Vector128<float> value) => Vector128.Abs(value);

    /// <inheritdoc/>
    public static Vector128<float> Sqrt(Vector128<float> value) => Vector128.Sqrt(value);

    /// <inheritdoc/>
    public static Vector128<float> Round(Vector128<float> value) => Vector128.Round(value);

    /// <inheritdoc/>
    public static Vector128<float> PowerOfTwo(Vector128<float> exponent) =>
        ((Vector128.ConvertToInt32Native(exponent) + Vector128.Create(FloatBits.ExponentBias)) << FloatBits.MantissaBits).AsSingle();

    /// <inheritdoc/>
    public static Vector128<float> PowerOfTwoFromLowBits(Vector128<float> value) => (value.AsInt32() << FloatBits.MantissaBits).AsSingle();

    /// <inheritdoc/>
    public static Vector128<float> Mantissa(Vector128<float> value, out Vector128<float> exponent)
    {
        Vector128<int> shifted = value.AsInt32() - Vector128.Create(FloatBits.RootOfHalf);
        exponent = Vector128.ConvertToSingle(shifted >> FloatBits.MantissaBits);
        return ((shifted & Vector128.Create(FloatBits.MantissaMask)) + Vector128.Create(FloatBits.RootOfHalf)).AsSingle();
    }

    /// <inheritdoc/>
    public static Vector128<float> LessThan(Vector128<float> left, Vector128<float> right) => Vector128.LessThan(left, right);

    /// <inheritdoc/>
    public static Vector128<float> Equals(Vector128<float> left, Vector128<float> right) => Vector128.Equals(left, right);

    /// <inheritdoc/>
    public static Vector128<float> And(Vector128<float> left, Vector128<float> right) => left & right;

    /// <inheritdoc/>
    public static Vector128<float> Select(Vector128<float> mask, Vector128<float> ifTrue, Vector128<float> ifFalse) =>
        Vector128.ConditionalSelect(mask, ifTrue, ifFalse);

    /// <inheritdoc/>
    public static Vector128<float> CopySign(Vector128<float> magnitude, Vector128<float> sign) => Vector128.CopySign(magnitude, sign);

    /// <inheritdoc/>
    public static float Sum(Vector128<float> value) => SumOfFour(value);

    /// <inheritdoc/>
    public static float MaxAcross(Vector128<float> value) =>
        MaxOfFour(value);

    private static float SumOfFour(Vector128<float> value)
    {
        Vector128<float> halves = value + Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1));
        return (halves + Vector128.Shuffle(halves, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    private static float MaxOfFour(Vector128<float> value)
    {
        Vector128<float> halves = Vector128.MaxNative(value, Vector128.Shuffle(value, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MaxNative(halves, Vector128.Shuffle(halves, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}
