using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.PublicApi.Tests;

/// <summary>What a user writes to let every head forget at its own speed: <c>score - (head + 1) rate log(1 + |query - key|)</c>.</summary>
internal readonly struct RecencyBias(float rate) : IScoreModifier
{
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector distance = TSimd.Abs(TSimd.Subtract(TSimd.Create(query - key), TSimd.Lanes));
        TVector penalty = VectorMath.Log<TSimd, TVector>(TSimd.Add(distance, TSimd.Create(1f)));
        return TSimd.Subtract(score, TSimd.Multiply(TSimd.Create((head + 1) * rate), penalty));
    }

    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Create(1f);
}
