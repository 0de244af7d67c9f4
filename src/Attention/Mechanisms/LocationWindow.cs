namespace Attention.Mechanisms;

/// <summary>
/// The keys that a step of <see cref="LocationAwareAttention"/> may attend to: with c the centre of the alignment before,
/// <c>floor(c - Before) &lt; key &lt; ceil(c + After)</c>, strict on both sides. The default value is no window.
/// </summary>
/// <remarks>
/// A window without a key gives an alignment of zeros, and so does one around an alignment of zeros, which has no centre. The
/// window has no gradient.
/// </remarks>
public readonly record struct LocationWindow
{
    /// <summary>What the window is laid around.</summary>
    public LocationWindowCenter Center { get; init; }

    /// <summary>How far it reaches to the left of the centre; 0 or more, infinity allowed.</summary>
    public float Before { get; init; }

    /// <summary>How far it reaches to the right of the centre; 0 or more, infinity allowed.</summary>
    public float After { get; init; }
}
