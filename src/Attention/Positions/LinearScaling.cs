namespace Attention.Positions;

/// <summary>
/// Position interpolation: every frequency is divided by the factor, as if positions were packed closer (Chen et al. 2023,
/// "Extending Context Window of Large Language Models via Positional Interpolation").
/// </summary>
public sealed class LinearScaling : RotaryScaling
{
    /// <summary>Divides every frequency by <paramref name="factor"/>.</summary>
    /// <param name="factor">How many times longer the context becomes; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="factor"/> is not a finite number of at least 1.</exception>
    public LinearScaling(double factor)
        : base(factor)
    {
    }

    internal override void Apply(Span<double> frequencies, double frequencyBase)
    {
        foreach (ref double frequency in frequencies)
        {
            frequency /= Factor;
        }
    }
}
