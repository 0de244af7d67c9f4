namespace Attention.Positions;

/// <summary>Where a cell of the new grid reads along one axis of the old one: two cells and their weights.</summary>
internal readonly struct GridPoint
{
    internal GridPoint(int cell, int length, int newLength, GridAlignment alignment)
    {
        double place = alignment == GridAlignment.Edges
            ? Math.Clamp((cell + 0.5) * length / newLength - 0.5, 0, length - 1)
            : newLength == 1 ? 0 : (double)cell * (length - 1) / (newLength - 1);
        First = (int)place;
        Fraction = place - First;

        // Without a fraction the second cell counts for nothing; it may lie outside, or hold infinities.
        Second = Fraction == 0 ? First : First + 1;
    }

    internal int First { get; }

    internal int Second { get; }

    /// <summary>The weight of the second cell; the first has the rest to 1.</summary>
    internal double Fraction { get; }
}
