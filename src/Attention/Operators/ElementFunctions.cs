using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>alpha a.</summary>
internal readonly struct ScaleFunction(float alpha) : IElementFunction
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Multiply(TSimd.Create(alpha), first);
}

/// <summary>a b.</summary>
internal readonly struct ProductFunction : IElementFunction
{
    public static bool TakesTwo => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Multiply(first, second);
}
