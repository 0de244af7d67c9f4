using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>dy where x is positive, 0 where it is not, NaN where it is NaN.</summary>
internal readonly struct ReluGradient : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector gradient = TSimd.Select(TSimd.LessThan(TSimd.Zero, first), second, TSimd.Zero);
        return TSimd.Select(TSimd.Equals(first, first), gradient, first);
    }
}

/// <summary>dy (Phi(x) + x phi(x)) with the normal density phi.</summary>
internal readonly struct GeluGradient : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = ActivationMath.Bound<TSimd, TVector>(first);
        TVector half = TSimd.Multiply(TSimd.Multiply(bounded, bounded), TSimd.Create(-0.5f));
        TVector power = VectorMath.ExpScaledOfNonPositive<TSimd, TVector>(
            half, TSimd.Create(VectorMath.Log2E), TSimd.Create(VectorMath.LowestDifference(VectorMath.Log2E)));
        TVector density = TSimd.Multiply(power, TSimd.Create(ActivationMath.DensityAtZero));
        TVector slope = TSimd.MultiplyAdd(bounded, density, ActivationMath.NormalDistribution<TSimd, TVector>(bounded));
        return TSimd.Multiply(slope, second);
    }
}

/// <summary>dy s (1 + 2 x (1 - s) u') with s = sigmoid(2 u).</summary>
internal readonly struct GeluTanhGradient : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = ActivationMath.Bound<TSimd, TVector>(first);
        TVector argument = ActivationMath.TwiceCubic<TSimd, TVector>(bounded);
        TVector share = ActivationMath.Logistic<TSimd, TVector>(argument, out TVector derivative);
        TVector square = TSimd.Multiply(bounded, bounded);
        TVector inner = TSimd.MultiplyAdd(
            square, TSimd.Create(6f * ActivationMath.CubicShare * ActivationMath.RootOfTwoOverPi), TSimd.Create(2f * ActivationMath.RootOfTwoOverPi));
        TVector slope = TSimd.MultiplyAdd(derivative, TSimd.Multiply(bounded, inner), share);
        return TSimd.Multiply(slope, second);
    }
}

/// <summary>dy s (1 + x (1 - s)) with s = sigmoid(x).</summary>
internal readonly struct SiluGradient : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = ActivationMath.Bound<TSimd, TVector>(first);
        TVector share = ActivationMath.Logistic<TSimd, TVector>(bounded, out TVector derivative);
        return TSimd.Multiply(TSimd.MultiplyAdd(derivative, bounded, share), second);
    }
}

/// <summary>dy s (1 - s) with s = sigmoid(x).</summary>
internal readonly struct SigmoidGradient : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        ActivationMath.Logistic<TSimd, TVector>(first, out TVector derivative);
        return TSimd.Multiply(derivative, second);
    }
}

/// <summary>dy (1 - t)(1 + t) with t = tanh(x).</summary>
internal readonly struct TanhGradient : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector tanh = VectorMath.Tanh<TSimd, TVector>(first);
        TVector slope = TSimd.Multiply(TSimd.Subtract(TSimd.Create(1f), tanh), TSimd.Add(TSimd.Create(1f), tanh));
        return TSimd.Multiply(slope, second);
    }
}
