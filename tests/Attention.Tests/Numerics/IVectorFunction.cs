using Attention.Simd;

namespace Attention.Tests.Numerics;

/// <summary>A function of one number, as vectors compute it and as double defines it.</summary>
internal interface IVectorFunction
{
    static abstract TVector Invoke<TSimd, TVector>(TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    static abstract double Reference(double value);

    /// <summary>Whether results below 2^-126.5 are 0.</summary>
    static abstract bool FlushesToZero { get; }
}
