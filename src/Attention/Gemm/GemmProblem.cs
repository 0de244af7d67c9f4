namespace Attention.Gemm;

/// <summary>
/// One product <c>C = alpha A B + beta C</c>, or <c>C = alpha A B + start</c>, as the kernels see it: bare pointers and strides, already checked. A
/// transposed operand is nothing but swapped strides.
/// </summary>
internal unsafe struct GemmProblem
{
    /// <summary>M: rows of A and C.</summary>
    internal nint Rows;

    /// <summary>N: columns of B and C.</summary>
    internal nint Columns;

    /// <summary>K: columns of A, rows of B.</summary>
    internal nint Depth;

    /// <summary>A: element (row, step) lies at <c>row * LeftRow + step * LeftColumn</c>.</summary>
    internal float* Left;
    internal nint LeftRow;
    internal nint LeftColumn;

    /// <summary>B: element (step, column) lies at <c>step * RightRow + column * RightColumn</c>.</summary>
    internal float* Right;
    internal nint RightRow;
    internal nint RightColumn;

    /// <summary>C: element (row, column) lies at <c>row * DestinationRow + column * DestinationColumn</c>.</summary>
    internal float* Destination;
    internal nint DestinationRow;
    internal nint DestinationColumn;

    /// <summary>
    /// What C starts from instead of <c>beta C</c>, if it is not null: element (row, column) lies at
    /// <c>row * StartRow + column * StartColumn</c>. The bias of a linear layer is one, with a row stride of zero.
    /// </summary>
    internal float* Start;
    internal nint StartRow;
    internal nint StartColumn;

    internal float Alpha;
    internal float Beta;

    /// <summary>How many multiply-adds it takes.</summary>
    internal readonly double Work => (double)Rows * Columns * Depth;

    /// <summary>
    /// The same product written as <c>C^T = B^T A^T</c>. Every element keeps its factors and their order, so its bits too.
    /// </summary>
    internal readonly GemmProblem Transposed() => new()
    {
        Rows = Columns,
        Columns = Rows,
        Depth = Depth,
        Left = Right,
        LeftRow = RightColumn,
        LeftColumn = RightRow,
        Right = Left,
        RightRow = LeftColumn,
        RightColumn = LeftRow,
        Destination = Destination,
        DestinationRow = DestinationColumn,
        DestinationColumn = DestinationRow,
        Start = Start,
        StartRow = StartColumn,
        StartColumn = StartRow,
        Alpha = Alpha,
        Beta = Beta,
    };
}
