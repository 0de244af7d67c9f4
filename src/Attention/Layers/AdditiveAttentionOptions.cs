namespace Attention.Layers;

/// <summary>What an <see cref="AdditiveAttentionLayer"/> is made of.</summary>
public sealed record AdditiveAttentionOptions
{
    /// <summary>Numbers of a query, such as a decoder's state.</summary>
    public required int QuerySize { get; init; }

    /// <summary>Numbers of a key, such as an encoder's annotation.</summary>
    public required int KeySize { get; init; }

    /// <summary>Units inside of the tanh.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Whether a bias is added inside of the tanh.</summary>
    public bool HasBias { get; init; } = true;

    /// <summary>Whether the score vector counts by its direction alone, times a learned scale (weight normalisation).</summary>
    public bool IsNormalized { get; init; }

    /// <summary>
    /// Whether weights begin as in the paper, appendix B.1: projections N(0, 0.001^2) and, unless it is normalised, a score vector of
    /// zeros, so that every query first attends to all keys alike. Otherwise all begin Glorot uniform.
    /// </summary>
    public bool BeginsAsInPaper { get; init; }

    /// <summary>The probability with which a weight is dropped in training.</summary>
    public float Dropout { get; init; }

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }
}
