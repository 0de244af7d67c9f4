using Attention.Simd;

namespace Attention.TestKit;

/// <summary>Something to be done at one vector width, which <see cref="Widths.Run"/> turns from a value into types.</summary>
public interface IWidthAction
{
    /// <summary>Does it.</summary>
    void Invoke<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
