namespace Attention.Positions;

/// <summary>
/// The scaling of Llama 3.1: wavelengths that are short against the trained context stay, long ones are multiplied by the
/// factor, and between them the two are mixed (Grattafiori et al. 2024, "The Llama 3 Herd of Models", and the model's code).
/// </summary>
public sealed class Llama3Scaling : RotaryScaling
{
    /// <summary>Stretches a model trained on <paramref name="originalLength"/> positions; the defaults are those of Llama 3.1.</summary>
    /// <param name="factor">How many times longer the context becomes; at least 1.</param>
    /// <param name="originalLength">The context that the model was trained on, in positions.</param>
    /// <param name="lowFactor">Wavelengths above <c>originalLength / lowFactor</c> are multiplied by the factor.</param>
    /// <param name="highFactor">Wavelengths below <c>originalLength / highFactor</c> stay as they are.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="factor"/> is below 1, <paramref name="originalLength"/> or <paramref name="lowFactor"/> not positive,
    /// <paramref name="highFactor"/> not above <paramref name="lowFactor"/>, or one of them not finite.
    /// </exception>
    public Llama3Scaling(double factor = 8, int originalLength = 8192, double lowFactor = 1, double highFactor = 4)
        : base(factor)
    {
        PositionCheck.Positive(originalLength, nameof(originalLength));
        PositionCheck.Above(lowFactor, 0, nameof(lowFactor));
        PositionCheck.Above(highFactor, lowFactor, nameof(highFactor));
        OriginalLength = originalLength;
        LowFactor = lowFactor;
        HighFactor = highFactor;
    }

    /// <summary>The context that the model was trained on, in positions.</summary>
    public int OriginalLength { get; }

    /// <summary>Wavelengths above <see cref="OriginalLength"/> divided by this are multiplied by the factor.</summary>
    public double LowFactor { get; }

    /// <summary>Wavelengths below <see cref="OriginalLength"/> divided by this stay as they are.</summary>
    public double HighFactor { get; }

    internal override void Apply(Span<double> frequencies, double frequencyBase)
    {
        foreach (ref double frequency in frequencies)
        {
            // Turns in the original context: LowFactor and below are stretched, HighFactor and above are kept.
            double turns = OriginalLength * frequency / (2 * Math.PI);
            double kept = Math.Clamp((turns - LowFactor) / (HighFactor - LowFactor), 0, 1);
            frequency *= (1 - kept) / Factor + kept;
        }
    }
}
