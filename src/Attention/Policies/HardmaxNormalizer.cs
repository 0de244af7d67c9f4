using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>All weight on the largest score, the first of equal ones. Its gradient is zero everywhere.</summary>
/// <remarks>A row with NaN gives NaN; one of nothing but negative infinity gives zeros.</remarks>
public readonly unsafe struct HardmaxNormalizer : INormalizer
{
    /// <inheritdoc/>
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* source = scores)
        {
            if (RowScan.HasNaN<TSimd, TVector>(source, scores.Length))
            {
                weights.Fill(float.NaN);
                return;
            }

            weights.Clear();
            float max = Reductions.Max<TSimd, TVector>(source, scores.Length);
            if (max > float.NegativeInfinity)
            {
                weights[RowScan.First<TSimd, TVector>(source, scores.Length, max)] = 1;
            }
        }
    }

    /// <inheritdoc/>
    public void Differentiate<TSimd, TVector>(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> weights, ReadOnlySpan<float> weightGradient, Span<float> scoreGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => scoreGradient.Clear();
}
