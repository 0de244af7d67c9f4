using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// The logistic function of each score alone: <c>weight_j = 1 / (1 + exp(-score_j))</c>. Weights lie in [0, 1] and do not sum to 1.
/// </summary>
/// <remarks>A score of NaN gives a weight of NaN and leaves the others as they are.</remarks>
public readonly unsafe struct SigmoidNormalizer : INormalizer
{
    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* source = scores, destination = weights)
        {
            int i = 0;
            for (; i <= scores.Length - TSimd.Count; i += TSimd.Count)
            {
                TSimd.Store(VectorMath.Sigmoid<TSimd, TVector>(TSimd.Load(source + i)), destination + i);
            }

            for (; i < scores.Length; i++)
            {
                destination[i] = VectorMath.Sigmoid<SimdScalar, float>(source[i]);
            }
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Differentiate<TSimd, TVector>(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> weights, ReadOnlySpan<float> weightGradient, Span<float> scoreGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* score = scores, weight = weights, source = weightGradient, destination = scoreGradient)
        {
            int i = 0;
            for (; i <= scores.Length - TSimd.Count; i += TSimd.Count)
            {
                TSimd.Store(
                    Gradient<TSimd, TVector>(TSimd.Load(score + i), TSimd.Load(weight + i), TSimd.Load(source + i)), destination + i);
            }

            for (; i < scores.Length; i++)
            {
                destination[i] = Gradient<SimdScalar, float>(score[i], weight[i], source[i]);
            }
        }
    }

    /// <summary>g p (1 - p), where 1 - p comes from the score: near p = 1 the difference would have lost its digits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Gradient<TSimd, TVector>(TVector score, TVector weight, TVector gradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector rest = VectorMath.Sigmoid<TSimd, TVector>(TSimd.Subtract(TSimd.Zero, score));
        TVector product = TSimd.Multiply(TSimd.Multiply(weight, rest), gradient);
        return TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, product);
    }
}
