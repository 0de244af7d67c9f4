namespace Attention.Positions;

/// <summary>Which points of two grids of different size lie on each other.</summary>
public enum GridAlignment
{
    /// <summary>
    /// The centres of the corner cells, as in the code of ViT's authors: new cell i reads at <c>i (old - 1) / (new - 1)</c>, or
    /// at 0 if it is the only one.
    /// </summary>
    Corners,

    /// <summary>
    /// The outer edges, as most image libraries do: new cell i reads at <c>(i + 1/2) old / new - 1/2</c>, kept within the grid.
    /// </summary>
    Edges,
}
