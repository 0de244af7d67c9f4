using Attention.Backends;
using Attention.TestKit;

namespace Attention.Tests.Backends;

/// <summary>Views and the life of the memory below them.</summary>
public class DeviceTensorTests
{
    private static readonly CpuBackend s_backend = CpuBackend.Shared;

    [Fact]
    public void Reshape_OfAContiguousTensor_NeedsNoCopy()
    {
        using DeviceTensor tensor = Numbers(2, 3, 4);
        foreach (nint[] lengths in new nint[][] { [24], [6, 4], [2, 12], [4, 3, 2], [1, 24, 1], [2, 1, 3, 4], [3, 8] })
        {
            tensor.CanReshape(lengths).Should().BeTrue();
            using DeviceTensor view = tensor.Reshape(lengths);
            view.Lengths.ToArray().Should().Equal(lengths);
            view.Buffer.Should().BeSameAs(tensor.Buffer);
            view.IsContiguous.Should().BeTrue();
            view.ToArray().Should().Equal(tensor.ToArray());
        }
    }

    [Fact]
    public void Reshape_OfATransposedTensor_WorksWhereAxesStayTogether()
    {
        using DeviceTensor tensor = Numbers(2, 3, 4);
        using DeviceTensor turned = tensor.Transpose(0, 2);
        using DeviceTensor split = turned.Reshape(2, 2, 3, 1, 2);

        split.ToArray().Should().Equal(turned.ToArray());
        turned.CanReshape(12, 2).Should().BeFalse();
        turned.CanReshape(24).Should().BeFalse();
        Action act = () => turned.Reshape(12, 2);
        act.Should().Throw<ArgumentException>().WithParameterName("lengths").WithMessage("*[4, 3, 2]*[1, 4, 12]*[12, 2]*copy*");
    }

    [Fact]
    public void Reshape_OfASlice_WorksWhereItHasNoGaps()
    {
        using DeviceTensor tensor = Numbers(4, 6);
        using DeviceTensor rows = tensor.Slice(0, 1, 2);
        using DeviceTensor columns = tensor.Slice(1, 1, 4);
        using DeviceTensor flat = rows.Reshape(12);
        using DeviceTensor cut = columns.Reshape(2, 2, 2, -1);

        flat.ToArray().Should().Equal(Enumerable.Range(6, 12).Select(static x => (float)x));
        cut.ToArray().Should().Equal(columns.ToArray());
        columns.CanReshape(16).Should().BeFalse();
    }

    [Theory]
    [InlineData(new[] { -1, 4 }, new[] { 6, 4 })]
    [InlineData(new[] { 2, -1 }, new[] { 2, 12 })]
    [InlineData(new[] { -1 }, new[] { 24 })]
    [InlineData(new[] { 24, -1 }, new[] { 24, 1 })]
    public void Reshape_FindsTheOpenLength(int[] given, int[] expected)
    {
        using DeviceTensor tensor = Numbers(2, 3, 4);
        using DeviceTensor view = tensor.Reshape(Axes(given));

        view.Lengths.ToArray().Should().Equal(Axes(expected));
    }

    [Theory]
    [InlineData(new[] { 5, -1 })]
    [InlineData(new[] { -1, -1 })]
    [InlineData(new[] { -2, -12 })]
    [InlineData(new[] { 0, -1 })]
    [InlineData(new[] { 25 })]
    [InlineData(new int[0])]
    public void Reshape_RefusesAnotherCount(int[] shape)
    {
        using DeviceTensor tensor = Numbers(2, 3, 4);
        Action act = () => tensor.Reshape(Axes(shape));

        act.Should().Throw<ArgumentException>().WithParameterName("lengths").WithMessage("*24*");
    }

    [Fact]
    public void Reshape_OfNothing()
    {
        using DeviceTensor tensor = DeviceTensor.Allocate(s_backend, 3, 0);
        using DeviceTensor view = tensor.Reshape(0, 7);
        using DeviceTensor open = tensor.Reshape(-1, 5);
        Action ambiguous = () => tensor.Reshape(0, -1);

        view.Lengths.ToArray().Should().Equal(0, 7);
        open.Lengths.ToArray().Should().Equal(0, 5);
        ambiguous.Should().Throw<ArgumentException>("any length would do");
    }

    [Fact]
    public void Strides_AreZeroAlongAxesOfOne()
    {
        using DeviceTensor tensor = Numbers(3, 1, 4);
        using DeviceTensor slice = tensor.Slice(0, 1, 1);
        using DeviceTensor view = tensor.Reshape(1, 3, 4, 1);

        tensor.Strides.ToArray().Should().Equal(4, 0, 1);
        slice.Strides.ToArray().Should().Equal(0, 0, 1);
        view.Strides.ToArray().Should().Equal(0, 4, 1, 0);
        slice.ToArray().Should().Equal(4, 5, 6, 7);
        slice.IsContiguous.Should().BeTrue();
    }

    [Fact]
    public void Transpose_TakesNegativeAxes()
    {
        using DeviceTensor tensor = Numbers(2, 3, 4);
        using DeviceTensor view = tensor.Transpose(-1, 0);
        using DeviceTensor back = view.Transpose(2, -3);

        view.Lengths.ToArray().Should().Equal(4, 3, 2);
        view.Strides.ToArray().Should().Equal(1, 4, 12);
        view.IsContiguous.Should().BeFalse();
        back.IsContiguous.Should().BeTrue();
        back.ToArray().Should().Equal(tensor.ToArray());
    }

    [Theory]
    [InlineData(3, 0, "first")]
    [InlineData(0, -4, "second")]
    public void Transpose_RefusesAxesThatDoNotExist(int first, int second, string parameter)
    {
        using DeviceTensor tensor = Numbers(2, 3, 4);
        Action act = () => tensor.Transpose(first, second);

        act.Should().Throw<ArgumentOutOfRangeException>().WithParameterName(parameter);
    }

    [Theory]
    [InlineData(2, 0, 1, "axis")]
    [InlineData(0, -1, 1, "start")]
    [InlineData(0, 5, 0, "start")]
    [InlineData(-2, 2, 3, "length")]
    [InlineData(1, 0, -1, "length")]
    public void Slice_RefusesPartsThatDoNotExist(int axis, int start, int length, string parameter)
    {
        using DeviceTensor tensor = Numbers(4, 6);
        Action act = () => tensor.Slice(axis, start, length);

        act.Should().Throw<ArgumentOutOfRangeException>().WithParameterName(parameter);
    }

    [Fact]
    public void Create_WantsAsManyNumbersAsTheShapeHas()
    {
        Action count = () => DeviceTensor.Create(s_backend, [1, 2, 3], 2, 2);
        Action negative = () => DeviceTensor.Allocate(s_backend, 2, -1);
        Action backend = () => DeviceTensor.Allocate(null!, 2);

        count.Should().Throw<ArgumentException>().WithParameterName("values").WithMessage("*3*[2, 2]*4*");
        negative.Should().Throw<ArgumentOutOfRangeException>().WithParameterName("lengths");
        backend.Should().Throw<ArgumentNullException>().WithParameterName("backend");
    }

    [Fact]
    public void TheBuffer_GoesBackWithTheLastTensor()
    {
        var backend = new CountingBackend();
        DeviceTensor tensor = DeviceTensor.Zeros(backend, 4, 6);
        DeviceTensor[] views = [tensor.Share(), tensor.Slice(0, 1, 2), tensor.Transpose(0, 1), tensor.Reshape(24)];
        tensor.Dispose();
        foreach (DeviceTensor view in views)
        {
            backend.LiveBuffers.Should().Be(1);
            view.Dispose();
            view.Dispose();
        }

        backend.LiveBuffers.Should().Be(0);
        tensor.Dispose();
        backend.LiveBuffers.Should().Be(0);
    }

    [Fact]
    public void RefusedViews_HoldNothing()
    {
        var backend = new CountingBackend();
        DeviceTensor tensor = DeviceTensor.Zeros(backend, 4, 6);
        foreach (Action act in new Action[] { () => tensor.Reshape(5), () => tensor.Slice(0, 3, 2), () => tensor.Transpose(0, 2) })
        {
            act.Should().Throw<ArgumentException>();
        }

        tensor.Dispose();
        backend.LiveBuffers.Should().Be(0);
    }

    [Fact]
    public void ADisposedTensor_SaysSo_AndItsViewsLiveOn()
    {
        DeviceTensor tensor = Numbers(2, 3);
        using DeviceTensor view = tensor.Share();
        tensor.Dispose();
        Action[] uses =
        [
            () => _ = tensor.Buffer,
            () => _ = tensor.Backend,
            () => tensor.ToArray(),
            () => tensor.Share(),
            () => tensor.Reshape(6),
            () => tensor.Transpose(0, 1),
            () => tensor.Slice(0, 0, 1),
        ];

        uses.Should().AllSatisfy(static use => use.Should().Throw<ObjectDisposedException>());
        tensor.IsDisposed.Should().BeTrue();
        tensor.ToString().Should().Be("DeviceTensor [2, 3], disposed");
        view.ToString().Should().Be("DeviceTensor [2, 3] on CPU");
        view.ToArray().Should().Equal(0, 1, 2, 3, 4, 5);
    }

    [Fact]
    public void Memory_ServesTheNextTensorOfALikeSize()
    {
        var backend = new CpuBackend();
        DeviceTensor first = DeviceTensor.Allocate(backend, 1000);
        DeviceBuffer buffer = first.Buffer;
        using DeviceTensor meanwhile = DeviceTensor.Allocate(backend, 1000);
        meanwhile.Buffer.Should().NotBeSameAs(buffer);
        first.Dispose();
        using DeviceTensor larger = DeviceTensor.Allocate(backend, 2000);
        using DeviceTensor next = DeviceTensor.Allocate(backend, 990);
        using DeviceTensor another = DeviceTensor.Allocate(backend, 990);

        larger.Buffer.Should().NotBeSameAs(buffer);
        next.Buffer.Should().BeSameAs(buffer);
        another.Buffer.Should().NotBeSameAs(buffer);
        buffer.Length.Should().BeInRange(1000, 1250, "at most a quarter lies idle");
    }

    [Fact]
    public void Trim_ForgetsWhatIsFree()
    {
        var backend = new CpuBackend();
        DeviceTensor first = DeviceTensor.Allocate(backend, 1000);
        DeviceBuffer buffer = first.Buffer;
        first.Dispose();
        backend.Trim();
        using DeviceTensor next = DeviceTensor.Allocate(backend, 1000);

        next.Buffer.Should().NotBeSameAs(buffer);
    }

    private static nint[] Axes(int[] lengths) => Array.ConvertAll(lengths, static length => (nint)length);

    private static DeviceTensor Numbers(params nint[] lengths) => DeviceTensor.Create(
        s_backend, [.. Enumerable.Range(0, PlainTensor.Count(lengths)).Select(static x => (float)x)], lengths);
}
