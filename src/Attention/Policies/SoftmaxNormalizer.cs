using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>Softmax: <c>weight_j = exp(score_j) / sum_k exp(score_k)</c>. Every weight is positive, and they sum to 1.</summary>
/// <remarks>The largest score is subtracted first, so that nothing overflows. A row with NaN or positive infinity gives NaN.</remarks>
public readonly unsafe struct SoftmaxNormalizer : INormalizer
{
    /// <inheritdoc/>
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* source = scores, destination = weights)
        {
            RowSoftmax.Forward<TSimd, TVector>(source, destination, scores.Length);
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
            RowEntmax.Backward<TSimd, TVector, NoPower>(weight, source, destination, weights.Length, default);
        }
    }
}
