namespace Attention.Positions;

/// <summary>What a <see cref="RotaryTable"/> may choose; the default value is the paper's choice of each.</summary>
public readonly record struct RotaryOptions
{
    /// <summary>The base of the frequencies <c>base^(-2i/rotarySize)</c>, above 1; null means 10000.</summary>
    public double? Base { get; init; }

    /// <summary>A change of the frequencies for longer contexts; null for none.</summary>
    public RotaryScaling? Scaling { get; init; }

    /// <summary>
    /// How many positions the table holds: it is then built at once and refuses others. Null means that it grows as needed.
    /// </summary>
    public int? Positions { get; init; }
}
