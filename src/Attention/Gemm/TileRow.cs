using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Gemm;

/// <summary>
/// One row of a register tile: two or four vectors side by side. With two, the JIT drops the other two fields, since
/// <see cref="ISimd{TVector}.TileVectors"/> is a constant to it.
/// </summary>
internal unsafe struct TileRow<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private TVector _v0;
    private TVector _v1;
    private TVector _v2;
    private TVector _v3;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TileRow<TSimd, TVector> Load(float* source)
    {
        TileRow<TSimd, TVector> row = default;
        row._v0 = TSimd.Load(source);
        row._v1 = TSimd.Load(source + TSimd.Count);
        if (TSimd.TileVectors == 4)
        {
            row._v2 = TSimd.Load(source + 2 * TSimd.Count);
            row._v3 = TSimd.Load(source + 3 * TSimd.Count);
        }

        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void Store(float* destination)
    {
        TSimd.Store(_v0, destination);
        TSimd.Store(_v1, destination + TSimd.Count);
        if (TSimd.TileVectors == 4)
        {
            TSimd.Store(_v2, destination + 2 * TSimd.Count);
            TSimd.Store(_v3, destination + 3 * TSimd.Count);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void AddTo(float* destination)
    {
        TSimd.Store(TSimd.Add(TSimd.Load(destination), _v0), destination);
        TSimd.Store(TSimd.Add(TSimd.Load(destination + TSimd.Count), _v1), destination + TSimd.Count);
        if (TSimd.TileVectors == 4)
        {
            TSimd.Store(TSimd.Add(TSimd.Load(destination + 2 * TSimd.Count), _v2), destination + 2 * TSimd.Count);
            TSimd.Store(TSimd.Add(TSimd.Load(destination + 3 * TSimd.Count), _v3), destination + 3 * TSimd.Count);
        }
    }

    /// <summary>Adds <paramref name="factor"/>, spread over all lanes, times <paramref name="row"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void MultiplyAdd(float* factor, in TileRow<TSimd, TVector> row)
    {
        TVector spread = TSimd.Create(*factor);
        _v0 = TSimd.MultiplyAdd(spread, row._v0, _v0);
        _v1 = TSimd.MultiplyAdd(spread, row._v1, _v1);
        if (TSimd.TileVectors == 4)
        {
            _v2 = TSimd.MultiplyAdd(spread, row._v2, _v2);
            _v3 = TSimd.MultiplyAdd(spread, row._v3, _v3);
        }
    }
}
