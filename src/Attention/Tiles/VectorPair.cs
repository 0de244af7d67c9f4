using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>One row of a register tile of two vectors, which need not be neighbours in memory.</summary>
internal unsafe struct VectorPair<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private TVector _left;
    private TVector _right;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static VectorPair<TSimd, TVector> Load(float* left, float* right)
    {
        VectorPair<TSimd, TVector> pair = default;
        pair._left = TSimd.Load(left);
        pair._right = TSimd.Load(right);
        return pair;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void Store(float* left, float* right)
    {
        TSimd.Store(_left, left);
        TSimd.Store(_right, right);
    }

    /// <summary>Adds <paramref name="factor"/>, spread over all lanes, times two vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void MultiplyAdd(float* factor, TVector left, TVector right)
    {
        TVector spread = TSimd.Create(*factor);
        _left = TSimd.MultiplyAdd(spread, left, _left);
        _right = TSimd.MultiplyAdd(spread, right, _right);
    }
}
