namespace Attention.Operators;

/// <summary>How <see cref="Normalization"/> makes the rows of a tensor comparable.</summary>
public enum NormalizationKind
{
    /// <summary>
    /// <c>(x - mean) / sqrt(variance + epsilon)</c>, with the variance divided by the number of elements (Ba, Kiros and
    /// Hinton, "Layer normalization", 2016).
    /// </summary>
    Layer,

    /// <summary><c>x / sqrt(mean(x^2) + epsilon)</c> (Zhang and Sennrich, "Root mean square layer normalization", 2019, equation 4).</summary>
    RootMeanSquare,
}
