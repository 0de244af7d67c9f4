using Attention.Simd;

namespace Attention.Mechanisms;

/// <summary>What a recurrence computes, in which direction, and with what.</summary>
public readonly record struct RecurrenceOptions
{
    /// <summary>What it computes at each step.</summary>
    public RecurrentCell Cell { get; init; }

    /// <summary>Whether it begins at the last position of each sequence and goes towards the first.</summary>
    public bool IsReversed { get; init; }

    /// <summary>How many threads may work at once; 0 means one for each processor. The bits of the results do not depend on it.</summary>
    public int MaxDegreeOfParallelism { get; init; }

    /// <summary>The vector width; <see cref="SimdWidth.Automatic"/> outside tests and benchmarks.</summary>
    public SimdWidth Width { get; init; }
}
