namespace Attention.Positions;

/// <summary>
/// Queries and keys on grids of the same number of rows, and a bias between them that depends on the steps between rows and
/// between columns alone. All its numbers stand in one line: those of a query and a row of keys are neighbours there, so
/// that a bias row is copied from the line, and its gradient added to it, in runs of <see cref="KeyColumns"/>.
/// </summary>
/// <remarks>
/// Place <c>(keyRow - queryRow + Rows - 1) Pitch + keyColumn - queryColumn + QueryColumns - 1</c> of the line belongs to a query
/// and a key. A sequence is a grid of one row.
/// </remarks>
internal readonly struct RelativeGrid(int rows, int queryColumns, int keyColumns)
{
    internal int Rows => rows;

    internal int KeyColumns => keyColumns;

    internal nint Queries => (nint)rows * queryColumns;

    internal nint Keys => (nint)rows * keyColumns;

    /// <summary>The numbers of the line; those of a sequence are its relative positions in rising order.</summary>
    internal nint LineLength => (2 * (nint)rows - 1) * Pitch;

    private nint Pitch => (nint)queryColumns + keyColumns - 1;

    /// <summary>The place in the line of a query and the first key of a row.</summary>
    internal nint Start(nint query, int keyRow)
    {
        (nint queryRow, nint queryColumn) = Math.DivRem(query, queryColumns);
        return (keyRow - queryRow + rows - 1) * Pitch + queryColumns - 1 - queryColumn;
    }
}
