using Attention.Simd;

namespace Attention.Positions;

/// <summary>A computation cut into independent pieces, numbered from 0, and written once for every vector width.</summary>
internal interface IPieces
{
    /// <summary>How many there are: a matter of the sizes alone, never of the threads.</summary>
    int Count { get; }

    /// <summary>Computes piece <paramref name="index"/>; may run at the same time as other pieces.</summary>
    void Invoke<TSimd, TVector>(int index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
