namespace Attention.Layers;

/// <summary>What an <see cref="AdditiveAttentionLayer"/> is made of.</summary>
public sealed record AdditiveAttentionOptions
{
    /// <summary>Numbers of a query, such as a decoder's state.</summary>
    public required int QuerySize { get; init; }

    /// <summary>Numbers of a key, such as an encoder's annotation.</summary>
    public required int KeySize { get; init; }

    /// <summary>Numbers inside of the hyperbolic tangent.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Whether a bias is added inside of the hyperbolic tangent.</summary>
    public bool HasBias { get; init; }

    /// <summary>
    /// Whether the score vector is <c>g v / |v|</c> with a learned length g (Salimans and Kingma 2016, "Weight Normalization"), which
    /// begins at <c>sqrt(1 / hiddenSize)</c>.
    /// </summary>
    public bool IsNormalized { get; init; }

    /// <summary>
    /// Whether weights begin as in Bahdanau et al. 2015, appendix B.1: projections with a deviation of 0.001, and a score vector of
    /// zero, so that all keys weigh alike at first. Otherwise all begin Glorot uniform.
    /// </summary>
    public bool BeginsUniform { get; init; }

    /// <summary>The probability with which a weight is dropped in training.</summary>
    public float Dropout { get; init; }

    /// <summary>Decides the first weights.</summary>
    public ulong Seed { get; init; }
}
