using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>One row of a register tile: one to four neighbouring vectors. The JIT drops the fields beyond the count.</summary>
internal unsafe struct VectorRow<TSimd, TVector, TCount>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TCount : struct, IVectorCount
{
    private TVector _v0;
    private TVector _v1;
    private TVector _v2;
    private TVector _v3;

    /// <summary>Neighbouring numbers of a cache, widened.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static VectorRow<TSimd, TVector, TCount> Load<TStorage>(byte* source)
        where TStorage : struct, ICacheStorage
    {
        int step = TSimd.Count * TStorage.Bytes;
        VectorRow<TSimd, TVector, TCount> row = default;
        row._v0 = TStorage.Load<TSimd, TVector>(source);
        if (TCount.Count > 1)
        {
            row._v1 = TStorage.Load<TSimd, TVector>(source + step);
        }

        if (TCount.Count > 2)
        {
            row._v2 = TStorage.Load<TSimd, TVector>(source + 2 * step);
        }

        if (TCount.Count > 3)
        {
            row._v3 = TStorage.Load<TSimd, TVector>(source + 3 * step);
        }

        return row;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal readonly void Store(float* destination)
    {
        TSimd.Store(_v0, destination);
        if (TCount.Count > 1)
        {
            TSimd.Store(_v1, destination + TSimd.Count);
        }

        if (TCount.Count > 2)
        {
            TSimd.Store(_v2, destination + 2 * TSimd.Count);
        }

        if (TCount.Count > 3)
        {
            TSimd.Store(_v3, destination + 3 * TSimd.Count);
        }
    }

    /// <summary>Adds <paramref name="factor"/>, spread over all lanes, times <paramref name="row"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void MultiplyAdd(float* factor, in VectorRow<TSimd, TVector, TCount> row)
    {
        TVector spread = TSimd.Create(*factor);
        _v0 = TSimd.MultiplyAdd(spread, row._v0, _v0);
        if (TCount.Count > 1)
        {
            _v1 = TSimd.MultiplyAdd(spread, row._v1, _v1);
        }

        if (TCount.Count > 2)
        {
            _v2 = TSimd.MultiplyAdd(spread, row._v2, _v2);
        }

        if (TCount.Count > 3)
        {
            _v3 = TSimd.MultiplyAdd(spread, row._v3, _v3);
        }
    }
}
