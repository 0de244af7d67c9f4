using Attention.Positions;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Positions;

/// <summary>Bad input to the biases of relative positions: the parameter is named, and nothing is written.</summary>
public sealed class RelativeBiasArgumentTests
{
    private static readonly RelativeBuckets s_buckets = new(true, 8, 6);

    private readonly float[] _read = AttentionProblems.Normal(new Random(1), 500);
    private readonly float[] _written = new float[500];

    [Theory]
    [InlineData("table", new[] { 24 }, new[] { 3, 4, 5 })]
    [InlineData("table", new[] { 7, 3 }, new[] { 3, 4, 5 })]
    [InlineData("bias", new[] { 8, 3 }, new[] { 4, 5 })]
    [InlineData("bias", new[] { 8, 3 }, new[] { 2, 4, 5 })]
    [InlineData("bias", new[] { 8, 3 }, new[] { 2, 3, 4, 5 })]
    [InlineData("bias", new[] { 8, 3 }, new[] { 1, 2, 4, 5 })]
    public void AWrongShapeOfASequence_IsNamed(string parameter, int[] table, int[] bias)
    {
        Refused(parameter, () => RelativePositionBias.Forward(Shape(table).Read(_read), s_buckets, Shape(bias).Write(_written)));
        Refused(
            parameter + "Gradient", () => RelativePositionBias.Backward(Shape(bias).Read(_read), s_buckets, Shape(table).Write(_written)));
    }

    [Theory]
    [InlineData("table", new[] { 15 }, new[] { 1, 6, 6 })]
    [InlineData("table", new[] { 14, 1 }, new[] { 1, 6, 6 })]
    [InlineData("bias", new[] { 15, 1 }, new[] { 6, 6 })]
    [InlineData("bias", new[] { 15, 1 }, new[] { 2, 6, 6 })]
    [InlineData("bias", new[] { 15, 1 }, new[] { 1, 6, 5 })]
    [InlineData("bias", new[] { 15, 1 }, new[] { 1, 5, 6 })]
    [InlineData("bias", new[] { 15, 1 }, new[] { 2, 1, 6, 6 })]
    public void AWrongShapeOfAWindow_IsNamed(string parameter, int[] table, int[] bias)
    {
        Refused(parameter, () => WindowPositionBias.Forward(Shape(table).Read(_read), 2, 3, Shape(bias).Write(_written)));
        Refused(parameter + "Gradient", () => WindowPositionBias.Backward(Shape(bias).Read(_read), 2, 3, Shape(table).Write(_written)));
    }

    [Fact]
    public void MemoryThatOverlaps_IsNamed()
    {
        Refused("bias", () => RelativePositionBias.Forward(Shape(8, 3).Read(_written), s_buckets, Shape(3, 4, 5).Write(_written)));
        Refused("tableGradient", () => RelativePositionBias.Backward(Shape(3, 4, 5).Read(_written), s_buckets, Shape(8, 3).Write(_written)));
        Refused("bias", () => WindowPositionBias.Forward(Shape(15, 1).Read(_written), 2, 3, Shape(1, 6, 6).Write(_written)));
        Refused("tableGradient", () => WindowPositionBias.Backward(Shape(1, 6, 6).Read(_written), 2, 3, Shape(15, 1).Write(_written)));
    }

    [Fact]
    public void ALastAxisThatIsNotContiguous_IsNamed()
    {
        Refused("table", () => RelativePositionBias.Forward(Apart(8, 3).Read(_read), s_buckets, Shape(3, 4, 5).Write(_written)));
        Refused("bias", () => RelativePositionBias.Forward(Shape(8, 3).Read(_read), s_buckets, Apart(3, 4, 5).Write(_written)));
    }

    [Fact]
    public void AWrongSizeOptionOrNull_IsNamed()
    {
        foreach (PositionOptions options in (PositionOptions[])[new() { MaxDegreeOfParallelism = -1 }, new() { Width = (SimdWidth)77 }])
        {
            Refused("options", () => RelativePositionBias.Forward(Shape(8, 3).Read(_read), s_buckets, Shape(3, 4, 5).Write(_written), 0, options));
            Refused("options", () => RelativePositionBias.Backward(Shape(3, 4, 5).Read(_read), s_buckets, Shape(8, 3).Write(_written), 0, options));
            Refused("options", () => WindowPositionBias.Forward(Shape(15, 1).Read(_read), 2, 3, Shape(1, 6, 6).Write(_written), options));
            Refused("options", () => WindowPositionBias.Backward(Shape(1, 6, 6).Read(_read), 2, 3, Shape(15, 1).Write(_written), options));
        }

        Refused("buckets", () => RelativePositionBias.Forward(Shape(8, 3).Read(_read), null!, Shape(3, 4, 5).Write(_written)));
        Refused("buckets", () => RelativePositionBias.Backward(Shape(3, 4, 5).Read(_read), null!, Shape(8, 3).Write(_written)));
        Refused("height", () => WindowPositionBias.Forward(Shape(15, 1).Read(_read), 0, 3, Shape(1, 6, 6).Write(_written)));
        Refused("width", () => WindowPositionBias.Forward(Shape(15, 1).Read(_read), 2, -3, Shape(1, 6, 6).Write(_written)));
        Refused("width", () => WindowPositionBias.Backward(Shape(1, 6, 6).Read(_read), 1 << 20, 1 << 20, Shape(15, 1).Write(_written)));
    }

    private static Layout Shape(params int[] lengths) => Layout.Contiguous(Array.ConvertAll(lengths, length => (nint)length));

    private static Layout Apart(params int[] lengths)
    {
        nint[] axes = Array.ConvertAll(lengths, length => (nint)length);
        nint[] strides = new nint[axes.Length];
        nint stride = 2;
        for (int axis = axes.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= axes[axis];
        }

        return Layout.Strided(axes, strides);
    }

    private void Refused(string parameter, Action call)
    {
        call.Should().Throw<ArgumentException>().WithParameterName(parameter);
        _written.Should().OnlyContain(number => number == 0);
    }
}
