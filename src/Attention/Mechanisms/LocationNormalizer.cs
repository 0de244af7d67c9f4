namespace Attention.Mechanisms;

/// <summary>What makes an alignment of the scores of a step.</summary>
public enum LocationNormalizer
{
    /// <summary><c>softmax(sharpness e)</c>; a sharpness above 1 sharpens (Chorowski et al. 2015, section 2.3).</summary>
    Softmax,

    /// <summary>
    /// Smoothing, <c>sigmoid(sharpness e_j) / sum_k sigmoid(sharpness e_k)</c> (the same section): many keys may share the weight,
    /// and a constant added to all scores counts.
    /// </summary>
    Sigmoid,
}
