namespace Attention.Tests.Mechanisms;

/// <summary>Where the tensors of a test stand.</summary>
internal enum Placement
{
    /// <summary>Row-major <c>[batch, heads, length, size]</c>.</summary>
    Contiguous,

    /// <summary>Views of <c>[batch, length, heads x size]</c> with a gap after each position.</summary>
    Positions,

    /// <summary>As contiguous, in memory that ends at a page nobody may touch.</summary>
    Guarded,
}
