namespace Attention.Mechanisms;

/// <summary>What <see cref="LocationAwareAttention"/> computes its location features from.</summary>
public enum LocationSource
{
    /// <summary>The alignment of the step before (Chorowski et al. 2015).</summary>
    PreviousAlignment,

    /// <summary>
    /// The sum of all alignments before, and of the initial one: the coverage vector of See et al. 2017 where there are no filters,
    /// and features of it where there are.
    /// </summary>
    AccumulatedAlignments,
}
