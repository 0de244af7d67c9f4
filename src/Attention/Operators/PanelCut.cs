namespace Attention.Operators;

/// <summary>Cuts rows and columns into rectangles of about the same size, which depend on the lengths alone.</summary>
internal readonly struct PanelCut
{
    /// <summary>Elements of a piece: some microseconds of work, and a few of them fit into a core's own cache.</summary>
    internal const int PieceElements = 1 << 14;

    /// <summary>
    /// Columns of a piece of which a source is transposed. They may lie on a memory page each: few enough that the processor
    /// finds these again when it comes to the next of as many rows.
    /// </summary>
    private const int TurnedColumns = 128;

    private readonly nint _rows;
    private readonly nint _columns;
    private readonly nint _blockRows;
    private readonly nint _blockColumns;
    private readonly nint _blocksAcross;

    internal PanelCut(in LoopAxes axes)
        : this(axes.Rows, axes.Columns, axes.IsTurned ? TurnedColumns : PieceElements, PieceElements)
    {
    }

    /// <summary>Pieces of at most <paramref name="mostColumns"/> columns and about so many elements.</summary>
    internal PanelCut(nint rows, nint columns, nint mostColumns, nint elements)
    {
        _rows = rows;
        _columns = columns;
        _blockColumns = Math.Min(columns, mostColumns);
        _blockRows = Math.Max(1, elements / Math.Max(1, _blockColumns));
        _blocksAcross = Blocks(columns, _blockColumns);
        Count = checked((int)(_blocksAcross * Blocks(rows, _blockRows)));
    }

    /// <summary>How many pieces there are.</summary>
    internal int Count { get; }

    internal (nint Row, nint RowEnd, nint Column, nint Columns) At(int index)
    {
        (nint down, nint across) = Math.DivRem(index, _blocksAcross);
        nint row = down * _blockRows;
        nint column = across * _blockColumns;
        return (row, Math.Min(row + _blockRows, _rows), column, Math.Min(_blockColumns, _columns - column));
    }

    internal static nint Blocks(nint length, nint block) => block == 0 ? 0 : (length + block - 1) / block;
}
