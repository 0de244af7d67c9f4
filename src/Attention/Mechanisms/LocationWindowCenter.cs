namespace Attention.Mechanisms;

/// <summary>What a <see cref="LocationWindow"/> is laid around.</summary>
public enum LocationWindowCenter
{
    /// <summary>Nothing: there is no window.</summary>
    None,

    /// <summary>The median of the alignment before: the first key up to which at least half of its weight lies.</summary>
    Median,

    /// <summary>The mean position under the alignment before, in general between two keys.</summary>
    Mean,
}
