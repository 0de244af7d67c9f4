using Attention.Simd;

namespace Attention.Numerics;

/// <summary>
/// What differs between softmax, sparsemax and what lies between them: the power 1 / (alpha - 1) of <see cref="RowEntmax"/>, and
/// the power 2 - alpha of its gradient.
/// </summary>
internal interface IEntmaxPower
{
    /// <summary>alpha - 1.</summary>
    float Step { get; }

    /// <summary>The weight <c>(1 + distance)^(1 / (alpha - 1))</c>, zero from -1 down.</summary>
    /// <param name="distance">(alpha - 1) times what the score lies above the point where the weight would be 1.</param>
    /// <param name="slope">The weight to the power of 2 - alpha: its derivative by the score.</param>
    TVector Weight<TSimd, TVector>(TVector distance, out TVector slope)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    /// <summary>The slope of a weight that is not zero.</summary>
    TVector Slope<TSimd, TVector>(TVector weight)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
