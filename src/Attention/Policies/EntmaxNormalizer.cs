using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Entmax: <c>weight_j = max((alpha - 1) score_j - threshold, 0)^(1 / (alpha - 1))</c> with the threshold for which the weights
/// sum to 1. It leads from softmax (alpha = 1) to sparsemax (alpha = 2), and is sparse for every alpha above 1.
/// </summary>
/// <remarks>
/// Peters, Niculae and Martins, "Sparse Sequence-to-Sequence Models", 2019, definition 1 and proposition 2; the gradient by alpha
/// is from Correia, Niculae and Martins, "Adaptively Sparse Transformers", 2019, proposition 1. A row with NaN or positive
/// infinity gives NaN. The default value has no alpha and fits no call.
/// </remarks>
public readonly unsafe struct EntmaxNormalizer : INormalizer
{
    private readonly float _alpha;

    /// <summary>Entmax with this alpha.</summary>
    /// <param name="alpha">From 1, softmax, to 2, sparsemax.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is not in [1, 2].</exception>
    public EntmaxNormalizer(float alpha)
    {
        if (!(alpha >= 1 && alpha <= 2))
        {
            throw new ArgumentOutOfRangeException(nameof(alpha), alpha, $"'{nameof(alpha)}' is {alpha}; expected a number in [1, 2].");
        }

        _alpha = alpha;
    }

    /// <summary>From 1, softmax, to 2, sparsemax.</summary>
    public float Alpha => _alpha;

    /// <inheritdoc/>
    public static void CheckCall<TNormalizer>(in TNormalizer normalizer)
        where TNormalizer : struct, INormalizer
    {
        if (Self.Of<TNormalizer, EntmaxNormalizer>(in normalizer)._alpha == 0)
        {
            throw new ArgumentException($"'{nameof(normalizer)}' is a default value without an alpha.", nameof(normalizer));
        }
    }

    /// <inheritdoc/>
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* source = scores, destination = weights)
        {
            switch (_alpha)
            {
                case 1f:
                    RowSoftmax.Forward<TSimd, TVector>(source, destination, scores.Length);
                    break;
                case 1.5f:
                    RowEntmax.Forward<TSimd, TVector, SecondPower>(source, destination, scores.Length, default);
                    break;
                case 2f:
                    RowEntmax.Forward<TSimd, TVector, FirstPower>(source, destination, scores.Length, default);
                    break;
                default:
                    RowEntmax.Forward<TSimd, TVector, AnyPower>(source, destination, scores.Length, new AnyPower(_alpha));
                    break;
            }
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
            switch (_alpha)
            {
                case 1f:
                    RowEntmax.Backward<TSimd, TVector, NoPower>(weight, source, destination, weights.Length, new NoPower(1));
                    break;
                case 1.5f:
                    RowEntmax.Backward<TSimd, TVector, SecondPower>(weight, source, destination, weights.Length, default);
                    break;
                case 2f:
                    RowEntmax.Backward<TSimd, TVector, FirstPower>(weight, source, destination, weights.Length, default);
                    break;
                default:
                    RowEntmax.Backward<TSimd, TVector, AnyPower>(weight, source, destination, weights.Length, new AnyPower(_alpha));
                    break;
            }
        }
    }

    /// <summary>The gradient of the loss by alpha that comes through one row of weights; those of all rows add up.</summary>
    /// <param name="weights">The weights of a row, <c>[count]</c>; those of hidden keys are zero and do not matter.</param>
    /// <param name="weightGradient">The gradient of the loss by the weights, <c>[count]</c>.</param>
    /// <returns>
    /// <c>sum_j g_j ((p_j - q_j) / (alpha - 1)^2 - (p_j ln p_j - q_j sum_k p_k ln p_k) / (alpha - 1))</c> with weights p, their
    /// gradient g and <c>q_j = p_j^(2 - alpha) / sum_k p_k^(2 - alpha)</c>; at alpha = 1 the limit
    /// <c>sum_j g_j p_j (sum_k p_k ln^2 p_k - ln^2 p_j) / 2</c>, and near it no digit is lost.
    /// </returns>
    /// <exception cref="ArgumentException">The spans differ in length.</exception>
    public double AlphaGradient(ReadOnlySpan<float> weights, ReadOnlySpan<float> weightGradient)
    {
        if (weightGradient.Length != weights.Length)
        {
            throw new ArgumentException(
                $"'{nameof(weightGradient)}' has {weightGradient.Length} elements; expected {weights.Length}, as many as there are weights.",
                nameof(weightGradient));
        }

        return EntmaxAlpha.Gradient(weights, weightGradient, _alpha);
    }
}
