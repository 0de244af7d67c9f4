using Attention.Simd;

namespace Attention.Operators;

/// <summary>What is done to the elements of a panel; a struct, so that the loop around it is compiled for it.</summary>
internal interface IPanelKernel
{
    /// <summary>Does it to one panel; panels run on any thread, in any order.</summary>
    void Invoke<TSimd, TVector>(in Panel panel)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
