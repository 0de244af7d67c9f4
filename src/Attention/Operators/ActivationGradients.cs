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
        TVector density = TSimd.Multiply(VectorMath.Exp<TSimd, TVector>(half), TSimd.Create(ActivationMath.DensityAtZero));
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
        TVector share = ActivationMath.ApproximateDistribution<TSimd, TVector>(bounded, out TVector rest);
        TVector square = TSimd.Multiply(bounded, bounded);
        TVector inner = TSimd.MultiplyAdd(
            square, TSimd.Create(6f * ActivationMath.CubicShare * ActivationMath.RootOfTwoOverPi), TSimd.Create(2f * ActivationMath.RootOfTwoOverPi));
        TVector slope = TSimd.MultiplyAdd(TSimd.Multiply(share, rest), TSimd.Multiply(bounded, inner), share);
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
        TVector share = VectorMath.Sigmoid<TSimd, TVector>(bounded);
        TVector rest = VectorMath.Sigmoid<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, bounded));
        return TSimd.Multiply(TSimd.MultiplyAdd(TSimd.Multiply(share, rest), bounded, share), second);
    }
}

/// <summary>dy s (1 - s), the latter as the sigmoid of -x, which does not cancel.</summary>
internal readonly struct SigmoidGradient : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector share = VectorMath.Sigmoid<TSimd, TVector>(first);
        TVector rest = VectorMath.Sigmoid<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, first));
        return TSimd.Multiply(TSimd.Multiply(share, rest), second);
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
