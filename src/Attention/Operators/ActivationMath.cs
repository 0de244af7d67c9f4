using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>What the smooth activations share.</summary>
internal static class ActivationMath
{
    /// <summary>sqrt(2 / pi).</summary>
    internal const float RootOfTwoOverPi = 0.797884561f;

    /// <summary>The factor on x^3 in the approximation of GELU.</summary>
    internal const float CubicShare = 0.044715f;

    /// <summary>The normal density at 0, 1 / sqrt(2 pi).</summary>
    internal const float DensityAtZero = 0.398942280f;

    private const float RootOfHalf = 0.707106781f;

    /// <summary>From here on every function has reached its limit; infinity times the 0 that it goes to would be NaN.</summary>
    private const float Far = 128f;

    /// <summary>x, but not above 128 or below -128. NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector Bound<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Min(TSimd.Create(Far), FromBelow<TSimd, TVector>(value));

    /// <summary>x, but not below -128. NaN stays.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector FromBelow<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Max(TSimd.Create(-Far), value);

    /// <summary>Phi(x) = (1 + erf(x / sqrt(2))) / 2.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector NormalDistribution<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector erf = VectorMath.Erf<TSimd, TVector>(TSimd.Multiply(value, TSimd.Create(RootOfHalf)));
        return TSimd.MultiplyAdd(erf, TSimd.Create(0.5f), TSimd.Create(0.5f));
    }

    /// <summary>
    /// s = 1 / (1 + exp(-x)) and its derivative s (1 - s), both from e = exp(-|x|), which does not overflow, and without
    /// subtracting: s is 1 / (1 + e) or e / (1 + e), and the derivative e / (1 + e)^2.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector Logistic<TSimd, TVector>(TVector value, out TVector derivative)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector power = VectorMath.ExpScaledOfNonPositive<TSimd, TVector>(
            TSimd.Subtract(TSimd.Zero, TSimd.Abs(value)),
            TSimd.Create(VectorMath.Log2E),
            TSimd.Create(VectorMath.LowestDifference(VectorMath.Log2E)));
        TVector upper = TSimd.Divide(TSimd.Create(1f), TSimd.Add(TSimd.Create(1f), power));
        TVector lower = TSimd.Multiply(power, upper);
        derivative = TSimd.Multiply(lower, upper);
        return TSimd.Select(TSimd.LessThan(value, TSimd.Zero), lower, upper);
    }

    /// <summary>2 u with u = sqrt(2 / pi) (x + 0.044715 x^3).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector TwiceCubic<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector inner = TSimd.MultiplyAdd(
            TSimd.Multiply(value, value), TSimd.Create(2f * CubicShare * RootOfTwoOverPi), TSimd.Create(2f * RootOfTwoOverPi));
        return TSimd.Multiply(value, inner);
    }
}
