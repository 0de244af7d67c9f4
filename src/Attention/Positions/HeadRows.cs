using System.Numerics.Tensors;

namespace Attention.Positions;

/// <summary>A tensor <c>[batch, heads, length, headSize]</c> by its address and strides, channels side by side.</summary>
internal readonly unsafe struct HeadRows(float* address, in ReadOnlyTensorSpan<float> tensor)
{
    private readonly nint _batchStride = tensor.Strides[0];
    private readonly nint _headStride = tensor.Strides[1];
    private readonly nint _rowStride = tensor.Strides[2];

    internal float* At(int batch, int head, int row) => address + batch * _batchStride + head * _headStride + row * _rowStride;
}
