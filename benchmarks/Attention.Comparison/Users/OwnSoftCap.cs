using System.Runtime.CompilerServices;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Comparison.Users;

/// <summary>The soft cap, <c>cap tanh(score / cap)</c>, as somebody outside the library would write it.</summary>
internal readonly struct OwnSoftCap(float cap) : IScoreModifier
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Multiply(TSimd.Create(cap), Tanh<TSimd, TVector>(TSimd.Multiply(score, TSimd.Create(1 / cap))));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector tanh = Tanh<TSimd, TVector>(TSimd.Multiply(score, TSimd.Create(1 / cap)));
        return TSimd.Subtract(TSimd.Create(1f), TSimd.Multiply(tanh, tanh));
    }

    // tanh |x| = (1 - e) / (1 + e) with e = exp(-2 |x|) = 2^whole 2^rest, the last by its Taylor series.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Tanh<TSimd, TVector>(TVector x)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        const float MinusTwoLog2E = -2.88539008f;
        TVector exponent = TSimd.Max(TSimd.Multiply(TSimd.Abs(x), TSimd.Create(MinusTwoLog2E)), TSimd.Create(-126f));
        TVector whole = TSimd.Round(exponent);
        TVector rest = TSimd.Subtract(exponent, whole);
        TVector power = TSimd.Create(0.00133335581f);
        power = TSimd.MultiplyAdd(power, rest, TSimd.Create(0.00961812911f));
        power = TSimd.MultiplyAdd(power, rest, TSimd.Create(0.0555041087f));
        power = TSimd.MultiplyAdd(power, rest, TSimd.Create(0.240226507f));
        power = TSimd.MultiplyAdd(power, rest, TSimd.Create(0.693147181f));
        power = TSimd.MultiplyAdd(power, rest, TSimd.Create(1f));
        TVector e = TSimd.Multiply(power, TSimd.PowerOfTwo(whole));
        TVector magnitude = TSimd.Divide(TSimd.Subtract(TSimd.Create(1f), e), TSimd.Add(TSimd.Create(1f), e));
        return TSimd.CopySign(magnitude, x);
    }
}
