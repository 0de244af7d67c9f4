using System.Numerics.Tensors;

namespace Attention;

/// <summary>Where the gradients of <see cref="ScoreTerms"/> go; each is overwritten, and not computed if left out.</summary>
public readonly ref struct ScoreTermGradients
{
    /// <summary>The shape of <see cref="ScoreTerms.Bias"/>; sums run over its broadcast axes. Absent if its rank is 0.</summary>
    public TensorSpan<float> Bias { get; init; }

    /// <summary>The shape <c>[heads]</c>. Absent if empty.</summary>
    public Span<float> SinkLogits { get; init; }
}
