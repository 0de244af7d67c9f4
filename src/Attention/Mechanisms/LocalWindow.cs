namespace Attention.Mechanisms;

/// <summary>
/// The window of <see cref="LocalAttention"/>: a query at position p sees the keys of
/// <c>[floor(p) - HalfWidth, floor(p) + HalfWidth]</c>, as far as there are keys.
/// </summary>
/// <param name="HalfWidth">D: keys seen on either side of the middle one; 0 for the middle one alone.</param>
/// <param name="IsGaussian">
/// Whether each weight is multiplied, after the softmax, by <c>exp(-(key - p)^2 / (2 sigma^2))</c> with sigma = D / 2: true for
/// Luong's local-p, false for local-m. With a half width of 0 the factor is 1.
/// </param>
public readonly record struct LocalWindow(int HalfWidth, bool IsGaussian = false)
{
    /// <summary>
    /// How many keys of each batch element are real, <c>[batch]</c>: windows end there, and a position beyond stands at the last
    /// real key. Null for all. The array is kept, not copied: it may be changed between calls, not during one.
    /// </summary>
    public int[]? KeyLengths { get; init; }
}
