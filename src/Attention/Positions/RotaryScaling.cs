namespace Attention.Positions;

/// <summary>
/// How the frequencies of rotary positions are changed so that a model can read further than it was trained to. There are
/// four: <see cref="LinearScaling"/>, <see cref="NtkScaling"/>, <see cref="YarnScaling"/> and <see cref="Llama3Scaling"/>.
/// </summary>
public abstract class RotaryScaling
{
    private protected RotaryScaling(double factor)
    {
        PositionCheck.AtLeast(factor, 1, nameof(factor));
        Factor = factor;
    }

    /// <summary>How many times longer the context becomes; at least 1.</summary>
    public double Factor { get; }

    /// <summary>What cosines and sines are multiplied by, and so, where both are rotated, scores twice; 1 but for YaRN.</summary>
    public virtual double AttentionFactor => 1;

    /// <summary>Changes the frequencies <c>frequencyBase^(-2i/rotarySize)</c>.</summary>
    internal abstract void Apply(Span<double> frequencies, double frequencyBase);
}
