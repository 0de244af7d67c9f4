using Attention.Simd;

namespace Attention;

/// <summary>What a call to a mechanism may choose; the default value is the usual choice of each.</summary>
public readonly record struct AttentionOptions
{
    /// <summary>The factor on <c>q.k</c>; any finite number. Null means <c>1/sqrt(headSize)</c>.</summary>
    public float? Scale { get; init; }

    /// <summary>
    /// The probability in [0, 1] with which a normalised weight is dropped; those kept are divided by <c>1 - Dropout</c>.
    /// With 1 the output is zero.
    /// </summary>
    public float Dropout { get; init; }

    /// <summary>
    /// Which weights are dropped: a weight's fate depends on this seed and its batch, head, query and key alone, so
    /// forward, backward and every tiling agree.
    /// </summary>
    public ulong DropoutSeed { get; init; }

    /// <summary>How many threads may work at once; 0 means one for each processor. The bits of the result do not depend on it.</summary>
    public int MaxDegreeOfParallelism { get; init; }

    /// <summary>The vector width; <see cref="SimdWidth.Automatic"/> outside tests and benchmarks.</summary>
    public SimdWidth Width { get; init; }
}
