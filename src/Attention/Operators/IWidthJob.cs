using Attention.Simd;

namespace Attention.Operators;

/// <summary>Work written over the vector width, which <see cref="WidthJobs.Run"/> turns from a value into types.</summary>
internal interface IWidthJob
{
    void Run<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
