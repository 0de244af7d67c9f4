using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Softmax: <c>weight_j = exp(score_j / temperature) / sum_k exp(score_k / temperature)</c>, the temperature being 1 unless it is said. The
/// weights sum to 1.
/// </summary>
/// <remarks>The largest score is subtracted first, so that nothing overflows. A row with NaN or positive infinity gives NaN.</remarks>
public readonly unsafe struct SoftmaxNormalizer : INormalizer
{
    /// <summary>Temperatures below would make of scores what a float cannot hold.</summary>
    private const float LowestTemperature = 1e-20f;

    private const float HighestTemperature = 1e20f;

    /// <summary>0 in the default value, which stands for 1.</summary>
    private readonly float _temperature;

    /// <summary>Softmax with a temperature.</summary>
    /// <param name="temperature">The lower, the nearer to a choice of the largest; a number from 1e-20 to 1e20.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="temperature"/> is no such number.</exception>
    public SoftmaxNormalizer(float temperature)
    {
        if (!(temperature is >= LowestTemperature and <= HighestTemperature))
        {
            throw new ArgumentOutOfRangeException(
                nameof(temperature), temperature,
                $"'{nameof(temperature)}' is {temperature}; expected a number from {LowestTemperature} to {HighestTemperature}.");
        }

        _temperature = temperature;
    }

    /// <summary>What scores are divided by.</summary>
    public float Temperature => _temperature == 0 ? 1 : _temperature;

    /// <inheritdoc/>
    public void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        fixed (float* source = scores, destination = weights)
        {
            RowSoftmax.Forward<TSimd, TVector>(source, destination, scores.Length, 1 / Temperature);
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
            RowEntmax.Backward<TSimd, TVector, NoPower>(weight, source, destination, weights.Length, new NoPower(1 / Temperature));
        }
    }
}
