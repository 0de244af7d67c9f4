using Attention.Simd;

namespace Attention.Policies;

/// <summary>Leaves every score as it is; costs nothing.</summary>
public readonly struct NoModifier : IScoreModifier
{
    /// <inheritdoc/>
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => score;

    /// <inheritdoc/>
    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Create(1f);
}
