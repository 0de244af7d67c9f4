using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>max(x, 0); NaN is not less than 0 and stays.</summary>
internal readonly struct ReluFunction : IElementFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Select(TSimd.LessThan(first, TSimd.Zero), TSimd.Zero, first);
}

/// <summary>x Phi(x).</summary>
internal readonly struct GeluFunction : IElementFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = ActivationMath.Bound<TSimd, TVector>(first);
        return TSimd.Multiply(ActivationMath.FromBelow<TSimd, TVector>(first), ActivationMath.NormalDistribution<TSimd, TVector>(bounded));
    }
}

/// <summary>x sigmoid(2 u) with u = sqrt(2 / pi) (x + 0.044715 x^3), which is x (1 + tanh(u)) / 2 and does not cancel.</summary>
internal readonly struct GeluTanhFunction : IElementFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector bounded = ActivationMath.Bound<TSimd, TVector>(first);
        TVector share = ActivationMath.Logistic<TSimd, TVector>(ActivationMath.TwiceCubic<TSimd, TVector>(bounded), out _);
        return TSimd.Multiply(ActivationMath.FromBelow<TSimd, TVector>(first), share);
    }
}

/// <summary>x sigmoid(x).</summary>
internal readonly struct SiluFunction : IElementFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Multiply(ActivationMath.FromBelow<TSimd, TVector>(first), VectorMath.Sigmoid<TSimd, TVector>(first));
}

/// <summary>1 / (1 + exp(-x)).</summary>
internal readonly struct SigmoidFunction : IElementFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        VectorMath.Sigmoid<TSimd, TVector>(first);
}

/// <summary>tanh(x).</summary>
internal readonly struct TanhFunction : IElementFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        VectorMath.Tanh<TSimd, TVector>(first);
}
