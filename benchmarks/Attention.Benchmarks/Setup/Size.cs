namespace Attention.Benchmarks.Setup;

/// <summary>A length and a head size; printed as "1024 x 64".</summary>
public sealed record Size(int Length, int HeadSize)
{
    /// <summary>One small, one large, and one where no axis is a multiple of anything.</summary>
    public static IEnumerable<Size> All => [new(64, 64), new(1024, 64), new(331, 45)];

    /// <inheritdoc/>
    public override string ToString() => $"{Length} x {HeadSize}";
}
