using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Numerics;

/// <summary>Looks for numbers in a row.</summary>
internal static unsafe class RowScan
{
    /// <summary>Whether any number is NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool HasNaN<TSimd, TVector>(float* values, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector found = TSimd.Zero;
        TVector one = TSimd.Create(1f);
        nint i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TVector value = TSimd.Load(values + i);
            found = TSimd.Select(TSimd.Equals(value, value), found, one);
        }

        bool hasNaN = TSimd.MaxAcross(found) > 0;
        for (; i < count; i++)
        {
            hasNaN |= float.IsNaN(values[i]);
        }

        return hasNaN;
    }

    /// <summary>The index of the first number that equals <paramref name="wanted"/>, which is there.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static int First<TSimd, TVector>(float* values, int count, float wanted)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector spread = TSimd.Create(wanted);
        int i = 0;
        while (i <= count - TSimd.Count
            && TSimd.MaxAcross(TSimd.Select(TSimd.Equals(TSimd.Load(values + i), spread), TSimd.Create(1f), TSimd.Zero)) == 0)
        {
            i += TSimd.Count;
        }

        while (values[i] != wanted)
        {
            i++;
        }

        return i;
    }
}
