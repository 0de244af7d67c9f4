namespace Attention.Comparison.Machine;

/// <summary>What the machine can do at most with so many threads.</summary>
/// <param name="OperationsPerSecond">The arithmetic limit.</param>
/// <param name="BytesPerSecond">The limit of reading from memory.</param>
internal sealed record Limits(double OperationsPerSecond, double BytesPerSecond)
{
    internal static Limits Measure(int threads) => new(FmaPeak.Measure(threads), ReadBandwidth.Measure(threads));

    /// <summary>The larger of two measurements: anything that disturbs one makes it smaller.</summary>
    internal Limits Or(Limits other) => new(
        Math.Max(OperationsPerSecond, other.OperationsPerSecond), Math.Max(BytesPerSecond, other.BytesPerSecond));
}
