using Attention.Simd;

namespace Attention.Mechanisms;

/// <summary>What a call to <see cref="LocationAwareAttention"/> may choose; the default value is that of Chorowski et al. 2015.</summary>
public readonly record struct LocationAwareOptions
{
    /// <summary>What location features are computed from.</summary>
    public LocationSource Source { get; init; }

    /// <summary>What makes alignments of scores.</summary>
    public LocationNormalizer Normalizer { get; init; }

    /// <summary>The factor on the scores, positive and finite. Null means 1.</summary>
    public float? Sharpness { get; init; }

    /// <summary>
    /// Which keys a step may attend to, by the alignment before; only for <see cref="LocationSource.PreviousAlignment"/>.
    /// </summary>
    public LocationWindow Window { get; init; }

    /// <summary>
    /// Whether filters are applied as true convolutions, their first tap on what comes last, as in Theano; else as
    /// cross-correlations, as in PyTorch.
    /// </summary>
    public bool FlipKernel { get; init; }

    /// <summary>
    /// Whether alignments that features are computed from count as constants in the backward pass; the gradient of the initial
    /// alignment is then 0. Otherwise gradients go back through all steps.
    /// </summary>
    public bool StopAlignmentGradient { get; init; }

    /// <summary>How many threads may work at once; 0 means one for each processor. The bits of the result do not depend on it.</summary>
    public int MaxDegreeOfParallelism { get; init; }

    /// <summary>The vector width; <see cref="SimdWidth.Automatic"/> outside tests and benchmarks.</summary>
    public SimdWidth Width { get; init; }
}
