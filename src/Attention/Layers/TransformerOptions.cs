using Attention.Operators;

namespace Attention.Layers;

/// <summary>What the layers of a Transformer are made of.</summary>
public sealed record TransformerOptions
{
    /// <summary>Self-attention, and cross-attention with the same sizes; its model size is the layer's.</summary>
    public required MultiHeadAttentionOptions Attention { get; init; }

    /// <summary>Numbers between the two linear layers of the feed-forward block.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>What stands between them.</summary>
    public FeedForwardKind FeedForward { get; init; }

    /// <summary>How the layer normalises: <see cref="NormalizationKind.RootMeanSquare"/> as in LLaMA, without biases.</summary>
    public NormalizationKind Norm { get; init; }

    /// <summary>Where the layer normalises.</summary>
    public NormOrder NormOrder { get; init; }

    /// <summary>
    /// Whether the feed-forward block and the layer normalisations have biases; <see cref="MultiHeadAttentionOptions.HasBias"/>
    /// and <see cref="MultiHeadAttentionOptions.HasOutputBias"/> decide for attention.
    /// </summary>
    public bool HasBias { get; init; } = true;

    /// <summary>
    /// Whether a stack ends with a normalisation of its own; null for one where the layers normalise before. PyTorch's
    /// <c>nn.Transformer</c> always has one.
    /// </summary>
    public bool? HasLastNorm { get; init; }

    /// <summary>Added to the variance, or the mean square, by every normalisation.</summary>
    public float NormEpsilon { get; init; } = 1e-5f;

    /// <summary>The probability with which a number is dropped in training, after each block and within the feed-forward block.</summary>
    public float Dropout { get; init; }

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }
}
