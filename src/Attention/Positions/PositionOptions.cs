using Attention.Simd;

namespace Attention.Positions;

/// <summary>What a call of this namespace may choose; the default value is the usual choice of each.</summary>
public readonly record struct PositionOptions
{
    /// <summary>How many threads may work at once; 0 means one for each processor. The bits of the result do not depend on it.</summary>
    public int MaxDegreeOfParallelism { get; init; }

    /// <summary>The vector width; <see cref="SimdWidth.Automatic"/> outside tests and benchmarks.</summary>
    public SimdWidth Width { get; init; }
}
