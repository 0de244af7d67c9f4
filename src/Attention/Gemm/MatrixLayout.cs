namespace Attention.Gemm;

/// <summary>
/// How a matrix lies in a span: element (row, column) at <c>row * RowStride + column * ColumnStride</c>. Row-major,
/// column-major, transposed and sub-matrices are all this.
/// </summary>
/// <param name="Rows">The number of rows, 0 or more.</param>
/// <param name="Columns">The number of columns, 0 or more.</param>
/// <param name="RowStride">Floats from one row to the next, 0 or more.</param>
/// <param name="ColumnStride">Floats from one column to the next, 0 or more.</param>
public readonly record struct MatrixLayout(int Rows, int Columns, int RowStride, int ColumnStride)
{
    /// <summary>The same memory read as the transposed matrix.</summary>
    /// <returns>The layout with rows and columns exchanged.</returns>
    public MatrixLayout Transpose() => new(Columns, Rows, ColumnStride, RowStride);

    /// <summary>How many floats a span needs to hold the matrix: up to and including its last element.</summary>
    public long RequiredLength =>
        Rows == 0 || Columns == 0 ? 0 : (Rows - 1L) * RowStride + (Columns - 1L) * ColumnStride + 1;

    /// <summary>Rows one after the other, without a gap.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="columns">The number of columns.</param>
    /// <returns>The layout with a row stride of <paramref name="columns"/>.</returns>
    public static MatrixLayout RowMajor(int rows, int columns) => new(rows, columns, columns, 1);

    /// <summary>Rows one after the other, <paramref name="leadingDimension"/> floats apart.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="leadingDimension">Floats from the start of one row to that of the next.</param>
    /// <returns>The layout.</returns>
    public static MatrixLayout RowMajor(int rows, int columns, int leadingDimension) => new(rows, columns, leadingDimension, 1);

    /// <summary>Columns one after the other, <paramref name="leadingDimension"/> floats apart: the layout of Fortran and BLAS.</summary>
    /// <param name="rows">The number of rows.</param>
    /// <param name="columns">The number of columns.</param>
    /// <param name="leadingDimension">Floats from the start of one column to that of the next.</param>
    /// <returns>The layout.</returns>
    public static MatrixLayout ColumnMajor(int rows, int columns, int leadingDimension) => new(rows, columns, 1, leadingDimension);
}
