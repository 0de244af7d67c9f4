using Attention.Simd;

namespace Attention.Operators;

/// <summary>A number from one number, or from two.</summary>
internal interface IElementFunction
{
    /// <summary>Whether there is a second number; without, it is never read.</summary>
    static virtual bool TakesTwo => false;

    TVector Invoke<TSimd, TVector>(TVector first, TVector second)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
