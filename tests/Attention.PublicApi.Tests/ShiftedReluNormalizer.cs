using Attention.Policies;
using Attention.Simd;

namespace Attention.PublicApi.Tests;

/// <summary>What a user writes to have a normaliser of their own: the positive part of each score over the number of keys.</summary>
internal readonly struct ShiftedReluNormalizer : INormalizer
{
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (int i = 0; i < scores.Length; i++)
        {
            weights[i] = MathF.Max(scores[i], 0) / scores.Length;
        }
    }

    public void Differentiate<TSimd, TVector>(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> weights, ReadOnlySpan<float> weightGradient, Span<float> scoreGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (int i = 0; i < scores.Length; i++)
        {
            scoreGradient[i] = scores[i] > 0 ? weightGradient[i] / scores.Length : 0;
        }
    }
}
