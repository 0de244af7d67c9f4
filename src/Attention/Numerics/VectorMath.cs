using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

internal static class VectorMath
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector ExpScaledOfNonPositive<TSimd, TVector>(TVector difference, TVector factorLog2E)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector t = TSimd.Max(TSimd.Create(-127f), TSimd.Multiply(difference, factorLog2E));
        TVector n = TSimd.Round(t);
        TVector f = TSimd.Subtract(t, n);
        TVector p = TSimd.MultiplyAdd(f, TSimd.Create(0.00133908f), TSimd.Create(0.00961804f));
        p = TSimd.MultiplyAdd(f, p, TSimd.Create(0.05550340f));
        p = TSimd.MultiplyAdd(f, p, TSimd.Create(0.24022650f));
        p = TSimd.MultiplyAdd(f, p, TSimd.Create(0.69314720f));
        p = TSimd.MultiplyAdd(f, p, TSimd.Create(1f));
        return TSimd.Multiply(p, TSimd.PowerOfTwo(n));
    }
}
