using Attention.Backends;

namespace Attention.Tests.Backends;

/// <summary>Every view of a tensor can be seen as a span, which refuses strides along axes without neighbours.</summary>
public class DeviceTensorViewTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 1)]
    [InlineData(1, 0)]
    [InlineData(1, 1)]
    [InlineData(1, 2)]
    [InlineData(2, 0)]
    [InlineData(2, 1)]
    [InlineData(2, 3)]
    public void Slice_OfAnyLength_IsASpan(int axis, int length)
    {
        nint[] lengths = [2, 4, 5];
        float[] numbers = [.. Enumerable.Range(0, 40).Select(i => (float)i)];
        using DeviceTensor tensor = DeviceTensor.Create(CpuBackend.Shared, numbers, lengths);
        for (nint start = 0; start + length <= lengths[axis]; start++)
        {
            using DeviceTensor slice = tensor.Slice(axis, start, length);
            float[] expected =
            [
                .. numbers.Where(number =>
                {
                    int index = (int)number;
                    int along = axis switch { 0 => index / 20, 1 => index / 5 % 4, _ => index % 5 };
                    return along >= start && along < start + length;
                }),
            ];

            CpuBackend.Span(slice).Lengths.ToArray().Should().Equal(slice.Lengths.ToArray());
            slice.ToArray().Should().Equal(expected);
        }
    }

    [Theory]
    [InlineData(0, 3, 2)]
    [InlineData(3, 0, 2)]
    [InlineData(3, 2, 0)]
    [InlineData(1, 1, 1)]
    public void Tensor_WithAnEmptyAxis_IsASpan(int first, int second, int third)
    {
        using DeviceTensor tensor = DeviceTensor.Zeros(CpuBackend.Shared, first, second, third);

        CpuBackend.Span(tensor).Lengths.ToArray().Should().Equal(first, second, third);
        tensor.ToArray().Should().HaveCount(first * second * third);
    }

    /// <summary>The part would begin far behind the little memory that an empty tensor has.</summary>
    [Fact]
    public void Slice_OfAnEmptyTensor_IsASpan()
    {
        using DeviceTensor tensor = DeviceTensor.Zeros(CpuBackend.Shared, 2, 0, 1000);
        using DeviceTensor slice = tensor.Slice(2, 900, 100);

        CpuBackend.Span(slice).Lengths.ToArray().Should().Equal(2, 0, 100);
    }
}
