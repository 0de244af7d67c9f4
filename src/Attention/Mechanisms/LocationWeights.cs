using System.Numerics.Tensors;

namespace Attention.Mechanisms;

/// <summary>The weights of <see cref="LocationAwareAttention"/>.</summary>
public readonly ref struct LocationWeights
{
    /// <summary>w, by which hidden numbers become a score, <c>[hiddenSize]</c>.</summary>
    public ReadOnlyTensorSpan<float> ScoreVector { get; init; }

    /// <summary>
    /// F, <c>[filters, width]</c>. Absent if its rank is 0: the one feature of a key is then the alignment itself.
    /// </summary>
    public ReadOnlyTensorSpan<float> Filters { get; init; }

    /// <summary>U, by which features become hidden numbers, <c>[hiddenSize, filters]</c>, or <c>[hiddenSize, 1]</c> without filters.</summary>
    public ReadOnlyTensorSpan<float> Projection { get; init; }

    /// <summary>
    /// r, added to every score, <c>[1]</c>. Absent if its rank is 0. It matters for
    /// <see cref="LocationNormalizer.Sigmoid"/> only.
    /// </summary>
    public ReadOnlyTensorSpan<float> ScoreBias { get; init; }
}

/// <summary>Where the gradients of <see cref="LocationWeights"/> go; each is overwritten, and not computed if left out.</summary>
public readonly ref struct LocationWeightGradients
{
    /// <summary>The shape of <see cref="LocationWeights.ScoreVector"/>. Absent if its rank is 0.</summary>
    public TensorSpan<float> ScoreVector { get; init; }

    /// <summary>The shape of <see cref="LocationWeights.Filters"/>. Absent if its rank is 0.</summary>
    public TensorSpan<float> Filters { get; init; }

    /// <summary>The shape of <see cref="LocationWeights.Projection"/>. Absent if its rank is 0.</summary>
    public TensorSpan<float> Projection { get; init; }

    /// <summary>The shape of <see cref="LocationWeights.ScoreBias"/>. Absent if its rank is 0.</summary>
    public TensorSpan<float> ScoreBias { get; init; }
}
