using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Additions of whole rows of any length, where nothing beyond the row is touched.</summary>
internal static unsafe class RowOperations
{
    /// <summary>Writes zeros.</summary>
    internal static void Clear(float* row, nint count) => new Span<float>(row, (int)count).Clear();

    /// <summary>Adds a row to another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Add<TSimd, TVector>(float* source, float* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.Add(TSimd.Load(destination + i), TSimd.Load(source + i)), destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] += source[i];
        }
    }

    /// <summary>Adds one number to each of a row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AddNumber<TSimd, TVector>(float number, float* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector numbers = TSimd.Create(number);
        nint i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.Add(TSimd.Load(destination + i), numbers), destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] += number;
        }
    }

    /// <summary>Adds a multiple of a row to another.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AddScaled<TSimd, TVector>(float* source, float factor, float* destination, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factors = TSimd.Create(factor);
        nint i = 0;
        for (; i <= count - TSimd.Count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(source + i), factors, TSimd.Load(destination + i)), destination + i);
        }

        for (; i < count; i++)
        {
            destination[i] = SimdScalar.MultiplyAdd(source[i], factor, destination[i]);
        }
    }
}
