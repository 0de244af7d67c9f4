using System.Numerics.Tensors;
using Attention.Gemm;
using Attention.Simd;

namespace Attention.Tests.Gemm;

public sealed class MatrixProductGuardTests
{
    private static readonly MatrixLayout s_left = MatrixLayout.RowMajor(3, 4);
    private static readonly MatrixLayout s_right = MatrixLayout.RowMajor(4, 5);
    private static readonly MatrixLayout s_destination = MatrixLayout.RowMajor(3, 5);

    public static TheoryData<string, MatrixLayout, MatrixLayout, MatrixLayout> BadLayouts => new()
    {
        { "leftLayout", s_left with { Rows = -1 }, s_right, s_destination },
        { "rightLayout", s_left, s_right with { ColumnStride = -1 }, s_destination },
        { "destinationLayout", s_left, s_right, s_destination with { RowStride = -5 } },
        { "left", MatrixLayout.RowMajor(3, 4, 5), s_right, s_destination },
        { "right", s_left, MatrixLayout.RowMajor(4, 5, 6), s_destination },
        { "destination", s_left, s_right, MatrixLayout.RowMajor(3, 5, 6) },
        { "rightLayout", s_left, MatrixLayout.RowMajor(5, 4), s_destination },
        { "destinationLayout", s_left, s_right, MatrixLayout.RowMajor(5, 3) },
        { "destinationLayout", s_left, s_right, new MatrixLayout(3, 5, 0, 1) },
        { "destinationLayout", s_left, s_right, new MatrixLayout(3, 5, 1, 1) },
        { "destinationLayout", s_left, s_right, new MatrixLayout(3, 5, 2, 2) },
    };

    public static TheoryData<string, nint[], nint[], nint[]> BadShapes => new()
    {
        { "left", [4], [4, 5], [1, 5] },
        { "right", [3, 4], [4], [3, 1] },
        { "destination", [3, 4], [4, 5], [15] },
        { "right", [3, 4], [5, 4], [3, 4] },
        { "destination", [3, 4], [4, 5], [5, 3] },
        { "destination", [3, 4], [4, 5], [2, 3, 5] },
        { "right", [2, 3, 4], [3, 4, 5], [3, 3, 5] },
        { "destination", [2, 3, 4], [1, 4, 5], [1, 3, 5] },
    };

    [Theory]
    [MemberData(nameof(BadLayouts))]
    public void Layouts(string parameter, MatrixLayout left, MatrixLayout right, MatrixLayout destination)
    {
        float[] memory = new float[15];
        memory.AsSpan().Fill(7);

        Action act = () => MatrixProduct.Multiply(new float[12], left, new float[20], right, memory, destination);

        act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(parameter);
        memory.Should().OnlyContain(value => value == 7);
    }

    [Theory]
    [MemberData(nameof(BadShapes))]
    public void Shapes(string parameter, nint[] left, nint[] right, nint[] destination)
    {
        float[] memory = new float[60];
        memory.AsSpan().Fill(7);

        Action act = () => MatrixProduct.Multiply(
            new ReadOnlyTensorSpan<float>(new float[60], left, []),
            new ReadOnlyTensorSpan<float>(new float[60], right, []),
            new TensorSpan<float>(memory, destination, []));

        act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(parameter);
        memory.Should().OnlyContain(value => value == 7);
    }

    [Theory]
    [InlineData(0, 20, 3, "left")]
    [InlineData(20, 0, 3, "right")]
    [InlineData(11, 40, 0, "left")]
    [InlineData(40, 14, 0, "right")]
    public void Overlap(int leftStart, int rightStart, int destinationStart, string parameter)
    {
        float[] memory = new float[80];

        Action spans = () => MatrixProduct.Multiply(
            memory.AsSpan(leftStart), s_left, memory.AsSpan(rightStart), s_right, memory.AsSpan(destinationStart), s_destination);
        Action tensors = () => MatrixProduct.Multiply(
            new ReadOnlyTensorSpan<float>(memory.AsSpan(leftStart), [3, 4], []),
            new ReadOnlyTensorSpan<float>(memory.AsSpan(rightStart), [4, 5], []),
            new TensorSpan<float>(memory.AsSpan(destinationStart), [3, 5], []));

        spans.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(parameter);
        tensors.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(parameter);
    }

    [Fact]
    public void Neighbours_in_one_buffer_do_not_overlap()
    {
        float[] memory = new float[12 + 15 + 20];
        memory.AsSpan().Fill(1);

        MatrixProduct.Multiply(memory.AsSpan(0), s_left, memory.AsSpan(27), s_right, memory.AsSpan(12), s_destination);

        memory.AsSpan(12, 15).ToArray().Should().OnlyContain(value => value == 4);
        memory.AsSpan(27).ToArray().Should().OnlyContain(value => value == 1);
    }

    [Fact]
    public void Options()
    {
        foreach (MatrixProductOptions options in (MatrixProductOptions[])[new() { MaxDegreeOfParallelism = -1 }, new() { Width = (SimdWidth)3 }])
        {
            Action act = () => MatrixProduct.Multiply(new float[12], s_left, new float[20], s_right, new float[15], s_destination, options: options);

            act.Should().Throw<ArgumentOutOfRangeException>().Which.ParamName.Should().Be("options");
        }
    }
}
