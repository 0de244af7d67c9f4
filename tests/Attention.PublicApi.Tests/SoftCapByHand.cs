using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.PublicApi.Tests;

/// <summary>What a user writes to have a soft cap of their own.</summary>
internal readonly struct SoftCapByHand(float cap) : IScoreModifier
{
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Multiply(TSimd.Create(cap), VectorMath.Tanh<TSimd, TVector>(TSimd.Divide(score, TSimd.Create(cap))));

    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector tanh = VectorMath.Tanh<TSimd, TVector>(TSimd.Divide(score, TSimd.Create(cap)));
        return TSimd.Subtract(TSimd.Create(1f), TSimd.Multiply(tanh, tanh));
    }
}
