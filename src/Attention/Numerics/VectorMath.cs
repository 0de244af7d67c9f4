using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>
/// Exponential, logarithm and their relatives for vectors of any width, for kernels and for modifiers that users write.
/// </summary>
/// <remarks>
/// <para>
/// Every function gives NaN for NaN. The errors stated bound what sweeps over the floats found, in units in the last place
/// (0.5 would be correct rounding), with fused multiply-add and without; with it they are mostly smaller.
/// </para>
/// <para>
/// The coefficients are minimax polynomials of the relative error, found by Remez exchange, and rounded to float.
/// </para>
/// </remarks>
public static class VectorMath
{
    /// <summary>log2(e), the factor from natural exponents to binary ones.</summary>
    public const float Log2E = 1.44269504f;

    /// <summary>Added to a number, it rounds it to a whole n and leaves n + 127 in the last bits of the sum.</summary>
    private const float RoundingShift = 12582912f + 127f;

    /// <summary>At this exponent a power of two is flushed to zero.</summary>
    private const float LowestExponent = -127f;

    /// <summary>An exponent from which every result is infinite.</summary>
    private const float HighestExponent = 129f;

    /// <summary>ln(2) in two parts; the first has so few bits that its products with exponents are exact.</summary>
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    /// <summary>Computes 2^x.</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">x, any numbers.</param>
    /// <returns>
    /// 2^x, wrong by at most 1.1 ULP; infinity from x = 128, exactly 0 from x = -126.5 down and for negative infinity.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // The constant stands on the left of Max and Min: on x86 NaN on the right comes through.
        TVector exponent = TSimd.Min(TSimd.Create(HighestExponent), TSimd.Max(TSimd.Create(LowestExponent), value));
        TVector shifted = TSimd.Add(exponent, TSimd.Create(RoundingShift));
        TVector fraction = TSimd.Subtract(exponent, TSimd.Subtract(shifted, TSimd.Create(RoundingShift)));

        TVector power = TSimd.Create(0.000157828923f);
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.0013414612f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.00961710885f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.0555027761f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.240226552f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.693147242f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(1f));
        return Scale<TSimd, TVector>(power, shifted);
    }

    /// <summary>Computes 2^x for x that is not positive: the cheapest exponential, in which softmax is done.</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">x, at most 0 (to be exact: below 127.5).</param>
    /// <returns>2^x, wrong by at most 2.3 ULP; exactly 1 for 0, exactly 0 from -126.5 down and for negative infinity.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp2OfNonPositive<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector exponent = TSimd.Max(TSimd.Create(LowestExponent), value);
        TVector shifted = TSimd.Add(exponent, TSimd.Create(RoundingShift));
        TVector fraction = TSimd.Subtract(exponent, TSimd.Subtract(shifted, TSimd.Create(RoundingShift)));
        return Exp2OfParts<TSimd, TVector>(shifted, fraction);
    }

    /// <summary>
    /// Computes 2^(difference * scale) for a difference that is not positive: a score less its row's maximum, with the
    /// scale and log2(e) folded in.
    /// </summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="difference">At most 0; negative infinity gives 0.</param>
    /// <param name="scale">A number of at least 2^-100.</param>
    /// <param name="lowest"><see cref="LowestDifference"/> of the scale, taken out of the loop.</param>
    /// <returns>
    /// The power, wrong by at most 2.3 ULP where multiply-add is fused: the product is not rounded. Without, its rounding
    /// adds up to 0.7 |difference * scale|. Exactly 1 for 0, exactly 0 where the product is below -126.5.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector ExpScaledOfNonPositive<TSimd, TVector>(TVector difference, TVector scale, TVector lowest)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = TSimd.Max(lowest, difference);
        TVector shifted = TSimd.MultiplyAdd(bounded, scale, TSimd.Create(RoundingShift));
        TVector fraction = TSimd.MultiplyAdd(bounded, scale, TSimd.Subtract(TSimd.Create(RoundingShift), shifted));
        return Exp2OfParts<TSimd, TVector>(shifted, fraction);
    }

    /// <summary>The difference at which <see cref="ExpScaledOfNonPositive"/> flushes to zero.</summary>
    /// <param name="scale">The scale, at least 2^-100.</param>
    /// <returns>-127 / <paramref name="scale"/>.</returns>
    public static float LowestDifference(float scale) => LowestExponent / scale;

    /// <summary>Computes e^x.</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">x, any numbers.</param>
    /// <returns>e^x, wrong by at most 1.3 ULP; infinity where it exceeds the largest float, exactly 0 below 2^-126.5.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Exp<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = TSimd.Min(TSimd.Create(89.42f), TSimd.Max(TSimd.Create(-88.03f), value));
        TVector rest = ReduceByLn2<TSimd, TVector>(bounded, out TVector shifted);
        TVector power = TSimd.MultiplyAdd(ExpTail<TSimd, TVector>(rest), rest, TSimd.Create(1f));
        power = TSimd.MultiplyAdd(power, rest, TSimd.Create(1f));
        return Scale<TSimd, TVector>(power, shifted);
    }

    /// <summary>Computes the natural logarithm.</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">Any numbers; subnormal ones are looked at in full.</param>
    /// <returns>ln(x), wrong by at most 1.0 ULP; negative infinity for 0, NaN for what is negative.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Log<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector mantissa = LogOfMantissa<TSimd, TVector>(value, out TVector exponent);
        TVector logarithm = TSimd.MultiplyAdd(exponent, TSimd.Create(Ln2Low), mantissa);
        logarithm = TSimd.MultiplyAdd(exponent, TSimd.Create(Ln2High), logarithm);
        return SelectLogarithm<TSimd, TVector>(value, logarithm);
    }

    /// <summary>Computes the logarithm to base 2.</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">Any numbers; subnormal ones are looked at in full.</param>
    /// <returns>log2(x), wrong by at most 2.0 ULP; negative infinity for 0, NaN for what is negative.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Log2<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector mantissa = LogOfMantissa<TSimd, TVector>(value, out TVector exponent);

        // log2(e) = 1 + 0.4427 loses less than one rounded factor would.
        TVector logarithm = TSimd.MultiplyAdd(mantissa, TSimd.Create(Log2E - 1f), mantissa);
        return SelectLogarithm<TSimd, TVector>(value, TSimd.Add(logarithm, exponent));
    }

    /// <summary>Computes the hyperbolic tangent.</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">Any numbers.</param>
    /// <returns>tanh(x), wrong by at most 2.8 ULP, also near 0; the sign of zero is kept, and infinities give 1 and -1.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Tanh<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector lessOne = PowerLessOne<TSimd, TVector>(value);
        return TSimd.CopySign(TSimd.Divide(lessOne, TSimd.Add(lessOne, TSimd.Create(2f))), value);
    }

    /// <summary>Computes the logistic function 1 / (1 + e^-x).</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">Any numbers.</param>
    /// <returns>
    /// The logistic function, wrong by at most 2.6 ULP on both sides of 0; exactly 0 where e^-x exceeds the largest float.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Sigmoid<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Divide(TSimd.Create(1f), TSimd.Add(TSimd.Create(1f), Exp<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, value))));

    /// <summary>Computes the error function, 2 / sqrt(pi) times the integral of e^(-t^2) from 0 to x.</summary>
    /// <typeparam name="TSimd">The arithmetic.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="value">Any numbers.</param>
    /// <returns>erf(x), wrong by at most 1.5 ULP, also near 0; the sign of zero is kept, and infinities give 1 and -1.</returns>
    /// <remarks>A call of its own: with this much code in it, the compiler would leave a loop's other calls as they are.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    public static TVector Erf<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // Below 1: x + x p(x^2). From there on 1 - 2^(-t q(t)), whose error shrinks with the power; from 4 on it is 1.
        TVector magnitude = TSimd.Min(TSimd.Create(4f), TSimd.Abs(value));
        TVector square = TSimd.Multiply(magnitude, magnitude);
        TVector near = TSimd.Create(7.85386146e-05f);
        near = TSimd.MultiplyAdd(near, square, TSimd.Create(-0.000801019371f));
        near = TSimd.MultiplyAdd(near, square, TSimd.Create(0.00518832775f));
        near = TSimd.MultiplyAdd(near, square, TSimd.Create(-0.0268538129f));
        near = TSimd.MultiplyAdd(near, square, TSimd.Create(0.112835854f));
        near = TSimd.MultiplyAdd(near, square, TSimd.Create(-0.37612626f));
        near = TSimd.MultiplyAdd(near, square, TSimd.Create(0.128379166f));
        near = TSimd.MultiplyAdd(near, value, value);

        TVector far = TSimd.Create(0.000303892797f);
        far = TSimd.MultiplyAdd(far, magnitude, TSimd.Create(-0.00459778309f));
        far = TSimd.MultiplyAdd(far, magnitude, TSimd.Create(0.0328912027f));
        far = TSimd.MultiplyAdd(far, magnitude, TSimd.Create(-0.151650488f));
        far = TSimd.MultiplyAdd(far, magnitude, TSimd.Create(-0.917310953f));
        far = TSimd.MultiplyAdd(far, magnitude, TSimd.Create(-1.62805259f));
        TVector complement = Exp2OfNonPositive<TSimd, TVector>(TSimd.Multiply(far, magnitude));
        far = TSimd.CopySign(TSimd.Subtract(TSimd.Create(1f), complement), value);
        return TSimd.Select(TSimd.LessThan(magnitude, TSimd.Create(1f)), near, far);
    }

    /// <summary>2^(n + fraction) for <paramref name="shifted"/> = <see cref="RoundingShift"/> + n and |fraction| up to a half.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Exp2OfParts<TSimd, TVector>(TVector shifted, TVector fraction)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector power = TSimd.Create(0.00132813805f);
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.00967130344f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.0555068776f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.240222484f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(0.693147004f));
        power = TSimd.MultiplyAdd(power, fraction, TSimd.Create(1f));
        return TSimd.Multiply(power, TSimd.PowerOfTwoFromLowBits(shifted));
    }

    /// <summary>power * 2^n for n up to 129, though 2^128 is no float: above 127 the power is doubled or trebled first.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Scale<TSimd, TVector>(TVector power, TVector shifted)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = TSimd.Min(TSimd.Create(RoundingShift + 127f), shifted);
        TVector excess = TSimd.Subtract(shifted, bounded);
        return TSimd.Multiply(TSimd.MultiplyAdd(power, excess, power), TSimd.PowerOfTwoFromLowBits(bounded));
    }

    /// <summary>x = n ln(2) + rest, with n as <see cref="RoundingShift"/> + n.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector ReduceByLn2<TSimd, TVector>(TVector value, out TVector shifted)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        shifted = TSimd.MultiplyAdd(value, TSimd.Create(Log2E), TSimd.Create(RoundingShift));
        TVector exponent = TSimd.Subtract(shifted, TSimd.Create(RoundingShift));
        TVector rest = TSimd.MultiplyAdd(exponent, TSimd.Create(-Ln2High), value);
        return TSimd.MultiplyAdd(exponent, TSimd.Create(-Ln2Low), rest);
    }

    /// <summary>
    /// m = e^2|x| - 1, computed as such, so that it does not cancel: tanh |x| = m / (m + 2). Numbers beyond 10, where the tangent is 1,
    /// are taken for that one.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector PowerLessOne<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector magnitude = TSimd.Min(TSimd.Create(10f), TSimd.Abs(value));
        TVector rest = ReduceByLn2<TSimd, TVector>(TSimd.Add(magnitude, magnitude), out TVector shifted);
        TVector restLessOne = TSimd.MultiplyAdd(TSimd.Multiply(rest, rest), ExpTail<TSimd, TVector>(rest), rest);
        TVector power = TSimd.PowerOfTwoFromLowBits(shifted);
        return TSimd.MultiplyAdd(power, restLessOne, TSimd.Subtract(power, TSimd.Create(1f)));
    }

    /// <summary>(e^r - 1 - r) / r^2 for |r| up to ln(2) / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector ExpTail<TSimd, TVector>(TVector rest)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector tail = TSimd.Create(0.00138825108f);
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.00836658012f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.0416672006f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.166665435f));
        return TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.49999997f));
    }

    /// <summary>The natural logarithm of the mantissa, which lies in [sqrt(1/2), sqrt(2)), and the exponent.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector LogOfMantissa<TSimd, TVector>(TVector value, out TVector exponent)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // Subnormal numbers are made normal first.
        TVector small = TSimd.LessThan(value, TSimd.Create(1.17549435e-38f));
        TVector normal = TSimd.Select(small, TSimd.Multiply(value, TSimd.Create(8388608f)), value);
        TVector mantissa = TSimd.Mantissa(normal, out exponent);
        exponent = TSimd.Subtract(exponent, TSimd.And(small, TSimd.Create(23f)));

        TVector rest = TSimd.Subtract(mantissa, TSimd.Create(1f));
        TVector tail = TSimd.Create(-0.0763449445f);
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.12761575f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(-0.131601825f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.142017588f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(-0.166233569f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.200012267f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(-0.250008196f));
        tail = TSimd.MultiplyAdd(tail, rest, TSimd.Create(0.333333313f));

        // ln(1 + r) = r + r^2 (r tail - 1/2)
        TVector square = TSimd.Multiply(rest, rest);
        return TSimd.MultiplyAdd(square, TSimd.MultiplyAdd(tail, rest, TSimd.Create(-0.5f)), rest);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector SelectLogarithm<TSimd, TVector>(TVector value, TVector logarithm)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // What is neither 0, negative nor an ordinary number is infinity or NaN, and its own logarithm.
        TVector infinity = TSimd.Create(float.PositiveInfinity);
        TVector ordinary = TSimd.And(TSimd.LessThan(TSimd.Zero, value), TSimd.LessThan(value, infinity));
        TVector other = TSimd.Select(TSimd.LessThan(value, TSimd.Zero), TSimd.Create(float.NaN), value);
        other = TSimd.Select(TSimd.Equals(value, TSimd.Zero), TSimd.Create(float.NegativeInfinity), other);
        return TSimd.Select(ordinary, logarithm, other);
    }
}
