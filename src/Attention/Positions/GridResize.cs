namespace Attention.Positions;

/// <summary>From which grid to which one a table of learned positions is resized.</summary>
public readonly record struct GridResize
{
    /// <summary>Describes a resize.</summary>
    /// <param name="height">The rows of the grid that the table was learned on.</param>
    /// <param name="width">Its columns.</param>
    /// <param name="newHeight">The rows of the new grid.</param>
    /// <param name="newWidth">Its columns.</param>
    /// <exception cref="ArgumentOutOfRangeException">A size is not positive, or a grid has more cells than an integer counts.</exception>
    public GridResize(int height, int width, int newHeight, int newWidth)
    {
        PositionCheck.Positive(height, nameof(height));
        PositionCheck.Positive(width, nameof(width));
        PositionCheck.Positive(newHeight, nameof(newHeight));
        PositionCheck.Positive(newWidth, nameof(newWidth));
        CheckCells(height, width, nameof(width));
        CheckCells(newHeight, newWidth, nameof(newWidth));
        Height = height;
        Width = width;
        NewHeight = newHeight;
        NewWidth = newWidth;
    }

    /// <summary>The rows of the grid that the table was learned on.</summary>
    public int Height { get; }

    /// <summary>Its columns.</summary>
    public int Width { get; }

    /// <summary>The rows of the new grid.</summary>
    public int NewHeight { get; }

    /// <summary>Its columns.</summary>
    public int NewWidth { get; }

    /// <summary>Rows of the table before the grid that are copied as they are: 1 for a class token, 0 for none.</summary>
    public int ClassTokens { get; init; }

    /// <summary>Which points of the grids lie on each other.</summary>
    public GridAlignment Alignment { get; init; }

    private static void CheckCells(int rows, int columns, string parameter)
    {
        if ((long)rows * columns > int.MaxValue)
        {
            Throw.OutOfRange(parameter, columns, $"'{parameter}' is {columns}; {rows} such rows have more than {int.MaxValue} cells.");
        }
    }
}
