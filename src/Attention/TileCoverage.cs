namespace Attention;

/// <summary>How much of a tile of queries by keys a mask allows.</summary>
public enum TileCoverage
{
    /// <summary>No pair is allowed: the tile is never computed.</summary>
    None,

    /// <summary>Some pairs may be allowed and some not: the mask is applied pair by pair.</summary>
    Mixed,

    /// <summary>Every pair is allowed: the tile pays nothing for the mask.</summary>
    Full,
}
