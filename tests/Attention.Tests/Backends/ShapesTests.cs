using Attention.Backends;

namespace Attention.Tests.Backends;

/// <summary>Strides: where memory is taken for a tensor that is like another one.</summary>
public class ShapesTests
{
    [Fact]
    public void ContiguousStrides_AreRowMajor()
    {
        Shapes.ContiguousStrides([2, 3, 4]).Should().Equal(12, 4, 1);
        Shapes.ContiguousStrides([2, 1, 4]).Should().Equal(4, 0, 1);
        Shapes.ContiguousStrides([]).Should().BeEmpty();
    }

    [Fact]
    public void DenseStrides_KeepTheOrderOfTheAxes_WithoutGaps()
    {
        Shapes.DenseStrides([2, 3, 4], [12, 4, 1]).Should().Equal(12, 4, 1);
        Shapes.DenseStrides([4, 3, 2], [1, 4, 12]).Should().Equal(1, 4, 12);
        Shapes.DenseStrides([2, 3, 4], [100, 1, 10]).Should().Equal(12, 1, 3);
        Shapes.DenseStrides([2, 1, 4], [50, 0, 2]).Should().Equal(4, 0, 1);
    }

    [Fact]
    public void DenseStrides_OfHeadsThatAreJoined_AreTheirs()
    {
        // A view [batch, heads, length, size] of [batch, length, heads, size], as attention writes it.
        Shapes.DenseStrides([2, 3, 5, 4], [60, 4, 12, 1]).Should().Equal(60, 4, 12, 1);

        // The same of one third of a packed projection.
        Shapes.DenseStrides([2, 3, 5, 4], [180, 4, 36, 1]).Should().Equal(60, 4, 12, 1);
    }

    [Fact]
    public void Allocate_WithStrides_TakesNoMoreThanTheCount()
    {
        var backend = new CpuBackend();
        using DeviceTensor tensor = DeviceTensor.Allocate(backend, [2, 3, 5, 4], Shapes.DenseStrides([2, 3, 5, 4], [180, 4, 36, 1]));
        using DeviceTensor joined = tensor.Transpose(1, 2);

        joined.IsContiguous.Should().BeTrue();
        tensor.Count.Should().Be(120);
        tensor.Buffer.Length.Should().BeLessThan(180);
    }

    [Theory]
    [InlineData(0, 3, 0)]
    [InlineData(-1, 3, 2)]
    [InlineData(-3, 3, 0)]
    public void Axis_CountsFromBothEnds(int axis, int rank, int expected) => Shapes.Axis(axis, rank, "axis").Should().Be(expected);

    [Fact]
    public void IsContiguous_IgnoresAxesOfOne()
    {
        Shapes.IsContiguous([2, 1, 4], [4, 99, 1]).Should().BeTrue();
        Shapes.IsContiguous([2, 4], [5, 1]).Should().BeFalse();
        Shapes.IsContiguous([4, 2], [1, 4]).Should().BeFalse();
    }
}
