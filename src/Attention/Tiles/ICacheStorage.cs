using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>How a cache stores a number. Kernels are compiled for it and widen each vector in registers as they load it.</summary>
internal unsafe interface ICacheStorage
{
    /// <summary>Bytes of a number.</summary>
    static abstract int Bytes { get; }

    /// <summary>Whether each key and each value has a scale, by which its stored numbers are to be multiplied.</summary>
    static abstract bool IsScaled { get; }

    /// <summary>Neighbouring numbers as floats, exactly, without their scale.</summary>
    static abstract TVector Load<TSimd, TVector>(byte* source)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}

/// <summary>Floats as they are.</summary>
internal readonly unsafe struct Float32Storage : ICacheStorage
{
    public static int Bytes => sizeof(float);

    public static bool IsScaled => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* source)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Load((float*)source);
}

/// <summary>The upper halves of floats.</summary>
internal readonly unsafe struct BFloat16Storage : ICacheStorage
{
    public static int Bytes => sizeof(ushort);

    public static bool IsScaled => false;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* source)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.LoadBFloat16((ushort*)source);
}

/// <summary>Signed bytes with a scale for each row.</summary>
internal readonly unsafe struct Int8Storage : ICacheStorage
{
    public static int Bytes => sizeof(sbyte);

    public static bool IsScaled => true;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TVector Load<TSimd, TVector>(byte* source)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.LoadInt8((sbyte*)source);
}
