namespace Attention.Tiles;

/// <summary>A tensor of rows by its address and strides, in floats: [batch, head, row, column], columns side by side.</summary>
internal unsafe struct Operand
{
    internal float* Address;
    internal nint BatchStride;
    internal nint HeadStride;
    internal nint RowStride;

    internal readonly bool IsPresent => Address != null;

    internal readonly float* At(int batch, int head, int row) => Address + batch * BatchStride + head * HeadStride + row * RowStride;
}
