using System.Numerics.Tensors;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>One tensor of a test: its memory, and where the elements stand in it.</summary>
internal sealed class TestOperand : IDisposable
{
    /// <summary>What stands where no element does; nothing may change it.</summary>
    private const float Gap = 12345.678f;

    private readonly float[] _array;
    private readonly GuardedBuffer? _buffer;
    private readonly int _size;

    private TestOperand(float[] array, GuardedBuffer? buffer, Layout layout, int size)
    {
        _array = array;
        _buffer = buffer;
        _size = size;
        Layout = layout;
    }

    public Layout Layout { get; }

    public Span<float> Data => _buffer is null ? _array : _buffer.Span;

    /// <summary>Elements <c>[batch, heads, length, size]</c> with the given values, or NaN everywhere if there are none.</summary>
    public static TestOperand Create(Placement placement, int batch, int heads, int length, int size, float[]? values = null)
    {
        const int Padding = 3;
        int count = batch * heads * length * size;
        int rowSize = (heads * size) + Padding;
        TestOperand operand = placement switch
        {
            Placement.Positions => new(
                NewArray(batch * length * rowSize, Gap), null, Layout.OfPositions(batch, heads, length, size, rowSize), size),
            Placement.Guarded => new([], new GuardedBuffer(count), Layout.Contiguous(batch, heads, length, size), size),
            _ => new(new float[count], null, Layout.Contiguous(batch, heads, length, size), size),
        };
        operand.Layout.Scatter<float>(values ?? NewArray(count, float.NaN), operand.Data);
        return operand;
    }

    /// <summary>Elements of any shape, row-major.</summary>
    public static TestOperand Create(bool guarded, nint[] lengths, float[]? values = null)
    {
        Layout layout = Layout.Contiguous(lengths);
        values ??= NewArray(layout.Count, float.NaN);
        return guarded
            ? new TestOperand([], new GuardedBuffer(values), layout, 0)
            : new TestOperand([.. values], null, layout, 0);
    }

    /// <summary>Elements of any shape, their rows apart from each other.</summary>
    public static TestOperand CreateApart(nint[] lengths, float[]? values = null)
    {
        const int Padding = 3;
        nint[] strides = new nint[lengths.Length];
        nint stride = 1;
        for (int axis = lengths.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride = (stride * lengths[axis]) + Padding;
        }

        var layout = Layout.Strided(lengths, strides);
        TestOperand operand = new(NewArray((int)stride, Gap), null, layout, (int)lengths[^1]);
        layout.Scatter<float>(values ?? NewArray(layout.Count, float.NaN), operand.Data);
        return operand;
    }

    public ReadOnlyTensorSpan<float> Read() => Layout.Read<float>(Data);

    public TensorSpan<float> Write() => Layout.Write(Data);

    /// <summary>The elements in row-major order; fails if anything between them was overwritten.</summary>
    public float[] Gather()
    {
        float[] elements = Layout.Gather<float>(Data);
        if (_buffer is null && _size > 0 && _array.Length > elements.Length)
        {
            float[] expected = NewArray(_array.Length, Gap);
            Layout.Scatter<float>(elements, expected);
            Tolerance.SameBits("memory between the elements", _array, expected);
        }

        return elements;
    }

    public void Dispose() => _buffer?.Dispose();

    private static float[] NewArray(int length, float value)
    {
        float[] array = new float[length];
        Array.Fill(array, value);
        return array;
    }
}
