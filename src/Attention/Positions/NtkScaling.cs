namespace Attention.Positions;

/// <summary>
/// NTK-aware scaling: the base becomes <c>base * factor^(size/(size-2))</c>, so that the highest frequency stays as it is and
/// the lowest is divided by the factor (Peng et al. 2023, "YaRN: Efficient Context Window Extension of Large Language Models",
/// section 3.1).
/// </summary>
public sealed class NtkScaling : RotaryScaling
{
    /// <summary>Raises the base so that the lowest frequency is divided by <paramref name="factor"/>.</summary>
    /// <param name="factor">How many times longer the context becomes; at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="factor"/> is not a finite number of at least 1.</exception>
    public NtkScaling(double factor)
        : base(factor)
    {
    }

    internal override void Apply(Span<double> frequencies, double frequencyBase)
    {
        // (base factor^(d/(d-2)))^(-2i/d) = base^(-2i/d) factor^(-i/(d/2-1)); a single frequency is the highest one.
        for (int i = 1; i < frequencies.Length; i++)
        {
            frequencies[i] *= Math.Pow(Factor, -(double)i / (frequencies.Length - 1));
        }
    }
}
