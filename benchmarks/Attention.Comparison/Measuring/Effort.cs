namespace Attention.Comparison.Measuring;

/// <summary>How long to measure one row.</summary>
/// <param name="Time">Rounds go on for this long.</param>
/// <param name="LeastRounds">But there are at least this many.</param>
internal sealed record Effort(TimeSpan Time, int LeastRounds)
{
    internal static Effort Full { get; } = new(TimeSpan.FromSeconds(4), 7);

    internal static Effort Quick { get; } = new(TimeSpan.FromSeconds(0.6), 3);
}
