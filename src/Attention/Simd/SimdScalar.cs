namespace Attention.Simd;

/// <summary>One float at a time: what remains where no vector unit is accelerated, and the definition the vectors are tested against.</summary>
public readonly unsafe struct SimdScalar : ISimd<float>
{
    /// <inheritdoc/>
    public static int Count => 1;

    /// <inheritdoc/>
    public static int TileVectors => 2;

    /// <inheritdoc/>
    public static float Zero => 0f;

    /// <inheritdoc/>
    public static float Lanes => 0f;

    /// <inheritdoc/>
    public static float Create(float value) => value;

    /// <inheritdoc/>
    public static float Load(float* source) => *source;

    /// <inheritdoc/>
    public static void Store(float value, float* destination) => *destination = value;

    /// <inheritdoc/>
    public static float LoadPairs(float* source, out float second)
    {
        second = source[1];
        return source[0];
    }

    /// <inheritdoc/>
    public static void StorePairs(float first, float second, float* destination)
    {
        destination[0] = first;
        destination[1] = second;
    }

    /// <inheritdoc/>
    public static float LoadInt8(sbyte* source) => *source;

    /// <inheritdoc/>
    public static float LoadBFloat16(ushort* source) => BitConverter.Int32BitsToSingle(*source << 16);

    /// <inheritdoc/>
    public static void StoreInt8(float value, sbyte* destination) => *destination = (sbyte)float.ConvertToIntegerNative<int>(value);

    /// <inheritdoc/>
    public static void StoreBFloat16(float value, ushort* destination)
    {
        uint bits = BitConverter.SingleToUInt32Bits(value);
        uint last = (bits >> FloatBits.BFloat16Shift) & 1;
        uint kept = float.IsNaN(value) ? bits | FloatBits.QuietNaN : bits + last + FloatBits.BFloat16Half;
        *destination = (ushort)(kept >> FloatBits.BFloat16Shift);
    }

    /// <inheritdoc/>
    public static float Add(float left, float right) => left + right;

    /// <inheritdoc/>
    public static float Subtract(float left, float right) => left - right;

    /// <inheritdoc/>
    public static float Multiply(float left, float right) => left * right;

    /// <inheritdoc/>
    public static float Divide(float left, float right) => left / right;

    /// <inheritdoc/>
    public static float MultiplyAdd(float left, float right, float addend) => float.MultiplyAddEstimate(left, right, addend);

    /// <inheritdoc/>
    public static float Max(float left, float right) => left > right ? left : right;

    /// <inheritdoc/>
    public static float Min(float left, float right) => left < right ? left : right;

    /// <inheritdoc/>
    public static float Abs(float value) => MathF.Abs(value);

    /// <inheritdoc/>
    public static float Sqrt(float value) => MathF.Sqrt(value);

    /// <inheritdoc/>
    public static float Round(float value) => MathF.Round(value);

    /// <inheritdoc/>
    public static float PowerOfTwo(float exponent) =>
        BitConverter.Int32BitsToSingle((float.ConvertToIntegerNative<int>(exponent) + FloatBits.ExponentBias) << FloatBits.MantissaBits);

    /// <inheritdoc/>
    public static float PowerOfTwoFromLowBits(float value) =>
        BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(value) << FloatBits.MantissaBits);

    /// <inheritdoc/>
    public static float Mantissa(float value, out float exponent)
    {
        int shifted = BitConverter.SingleToInt32Bits(value) - FloatBits.RootOfHalf;
        exponent = shifted >> FloatBits.MantissaBits;
        return BitConverter.Int32BitsToSingle((shifted & FloatBits.MantissaMask) + FloatBits.RootOfHalf);
    }

    /// <inheritdoc/>
    public static float LessThan(float left, float right) => Mask(left < right);

    /// <inheritdoc/>
    public static float Equals(float left, float right) => Mask(left == right);

    /// <inheritdoc/>
    public static float And(float left, float right) =>
        BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(left) & BitConverter.SingleToInt32Bits(right));

    /// <inheritdoc/>
    public static float Select(float mask, float ifTrue, float ifFalse) => BitConverter.SingleToInt32Bits(mask) != 0 ? ifTrue : ifFalse;

    /// <inheritdoc/>
    public static float CopySign(float magnitude, float sign) => MathF.CopySign(magnitude, sign);

    /// <inheritdoc/>
    public static float Sum(float value) => value;

    /// <inheritdoc/>
    public static float MaxAcross(float value) => value;

    private static float Mask(bool condition) => BitConverter.Int32BitsToSingle(condition ? -1 : 0);
}
