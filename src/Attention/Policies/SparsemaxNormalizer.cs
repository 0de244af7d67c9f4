using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Sparsemax: <c>weight_j = max(score_j - threshold, 0)</c> with the threshold for which the weights sum to 1, the Euclidean
/// projection of the scores onto the probability simplex. Keys whose scores lie 1 or more below the largest weigh exactly zero.
/// </summary>
/// <remarks>
/// Martins and Astudillo, "From Softmax to Sparsemax", 2016, equations 2 to 5 and 13. The threshold comes from Michelot's
/// iteration, which finds the same support as sorting does, after few passes. A row with NaN or positive infinity gives NaN.
/// </remarks>
public readonly unsafe struct SparsemaxNormalizer : INormalizer
{
    /// <inheritdoc/>
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* source = scores, destination = weights)
        {
            RowEntmax.Forward<TSimd, TVector, FirstPower>(source, destination, scores.Length, default);
        }
    }

    /// <inheritdoc/>
    public void Differentiate<TSimd, TVector>(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> weights, ReadOnlySpan<float> weightGradient, Span<float> scoreGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* weight = weights, source = weightGradient, destination = scoreGradient)
        {
            RowEntmax.Backward<TSimd, TVector, FirstPower>(weight, source, destination, weights.Length, default);
        }
    }
}
