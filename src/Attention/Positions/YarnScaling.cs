namespace Attention.Positions;

/// <summary>
/// YaRN: frequencies that turn often within the trained context stay, those that turn seldom are divided by the factor, with
/// a ramp between; cosines and sines are multiplied by an attention factor (Peng et al. 2023, "YaRN: Efficient Context Window
/// Extension of Large Language Models", sections 3.2 to 3.4).
/// </summary>
/// <remarks>
/// The ramp is that of the authors' code and of the models trained with it: linear in the number of the pair, between whole
/// numbers. The paper's formula is linear in the number of turns.
/// </remarks>
public sealed class YarnScaling : RotaryScaling
{
    /// <summary>Stretches a model trained on <paramref name="originalLength"/> positions.</summary>
    /// <param name="factor">How many times longer the context becomes; at least 1.</param>
    /// <param name="originalLength">The context that the model was trained on, in positions.</param>
    /// <param name="fastTurns">Frequencies with at least about so many turns in that context stay as they are.</param>
    /// <param name="slowTurns">Frequencies with at most about so many turns are divided by the factor.</param>
    /// <param name="attentionFactor">The factor on cosines and sines; null for the paper's <c>0.1 ln(factor) + 1</c>.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="factor"/> is below 1, <paramref name="originalLength"/>, <paramref name="slowTurns"/> or
    /// <paramref name="attentionFactor"/> not positive, <paramref name="fastTurns"/> below <paramref name="slowTurns"/>, or
    /// one of them not finite.
    /// </exception>
    public YarnScaling(double factor, int originalLength, double fastTurns = 32, double slowTurns = 1, double? attentionFactor = null)
        : base(factor)
    {
        PositionCheck.Positive(originalLength, nameof(originalLength));
        PositionCheck.Above(slowTurns, 0, nameof(slowTurns));
        PositionCheck.AtLeast(fastTurns, slowTurns, nameof(fastTurns));
        PositionCheck.Above(attentionFactor ?? 1, 0, nameof(attentionFactor));
        OriginalLength = originalLength;
        FastTurns = fastTurns;
        SlowTurns = slowTurns;
        AttentionFactor = attentionFactor ?? 0.1 * Math.Log(factor) + 1;
    }

    /// <summary>The context that the model was trained on, in positions.</summary>
    public int OriginalLength { get; }

    /// <summary>Frequencies with at least about so many turns in the original context stay as they are.</summary>
    public double FastTurns { get; }

    /// <summary>Frequencies with at most about so many turns in the original context are divided by the factor.</summary>
    public double SlowTurns { get; }

    /// <inheritdoc/>
    public override double AttentionFactor { get; }

    internal override void Apply(Span<double> frequencies, double frequencyBase)
    {
        int last = 2 * frequencies.Length - 1;
        double low = Math.Max(Math.Floor(PairOf(FastTurns, frequencies.Length, frequencyBase)), 0);
        double high = Math.Min(Math.Ceiling(PairOf(SlowTurns, frequencies.Length, frequencyBase)), last);

        // Where the ends meet the ramp is a step, which the authors' code builds like this.
        double width = high <= low ? 0.001 : high - low;
        for (int i = 0; i < frequencies.Length; i++)
        {
            double slow = Math.Clamp((i - low) / width, 0, 1);
            frequencies[i] *= slow / Factor + (1 - slow);
        }
    }

    /// <summary>The number of the pair, not whole, that makes so many turns in the original context.</summary>
    private double PairOf(double turns, int pairs, double frequencyBase) =>
        pairs * Math.Log(OriginalLength / (turns * 2 * Math.PI)) / Math.Log(frequencyBase);
}
