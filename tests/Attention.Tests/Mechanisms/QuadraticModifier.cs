using Attention.Policies;
using Attention.Simd;

namespace Attention.Tests.Mechanisms;

/// <summary>A user's modifier that looks at everything it is given: <c>score + score^2 / 8 + head - key / 64</c>.</summary>
internal readonly struct QuadraticModifier : IScoreModifier
{
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector keys = TSimd.Add(TSimd.Create(key), TSimd.Lanes);
        TVector added = TSimd.MultiplyAdd(keys, TSimd.Create(-1f / 64), TSimd.Create(head));
        TVector curved = TSimd.MultiplyAdd(TSimd.Multiply(score, score), TSimd.Create(1f / 8), score);
        return TSimd.Add(curved, added);
    }

    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.MultiplyAdd(score, TSimd.Create(1f / 4), TSimd.Create(1f));
}
