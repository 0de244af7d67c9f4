namespace Attention.Operators;

/// <summary>One tensor's part in a <see cref="Panel"/>: where it begins, and how far its rows and columns lie apart.</summary>
internal unsafe struct PanelOperand
{
    internal float* Address;
    internal nint RowStride;
    internal nint ColumnStride;

    /// <summary>Whether a row is one number for all columns or numbers side by side: what a vector can read.</summary>
    internal readonly bool IsDirect => ColumnStride is 0 or 1;

    internal readonly float* At(nint row, nint column) => Address + row * RowStride + column * ColumnStride;
}

/// <summary>A rectangle of elements of up to four tensors of one shape, cut out of a loop over all of them.</summary>
internal struct Panel
{
    internal nint Rows;
    internal nint Columns;
    internal PanelOperand First;
    internal PanelOperand Second;
    internal PanelOperand Third;
    internal PanelOperand Fourth;
}
