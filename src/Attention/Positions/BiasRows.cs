using System.Numerics.Tensors;

namespace Attention.Positions;

/// <summary>A bias, or its gradient, beside the lines of its heads: what the grid copies between.</summary>
internal readonly unsafe struct BiasRows(in RelativeGrid grid, int heads, float* lines, float* address, in ReadOnlyTensorSpan<float> bias)
{
    private readonly nint _headStride = PositionCheck.Stride(bias, bias.Rank - 3);
    private readonly nint _rowStride = PositionCheck.Stride(bias, bias.Rank - 2);

    internal RelativeGrid Grid { get; } = grid;

    internal int Heads => heads;

    internal float* Line(nint head) => lines + head * Grid.LineLength;

    internal float* Row(nint head, nint query) => address + head * _headStride + query * _rowStride;
}
