using System.Numerics.Tensors;

namespace Attention.TestKit;

/// <summary>Where the elements of a tensor stand in an array: lengths, strides and the place of the first element.</summary>
/// <remarks>
/// <see cref="ReadOnlyTensorSpan{T}"/> wants stride 0 on an axis of length 1 and takes no strides for an empty tensor; this
/// takes care of both.
/// </remarks>
public sealed class Layout
{
    private readonly nint[] _lengths;
    private readonly nint[] _strides;
    private readonly int _start;

    private Layout(nint[] lengths, nint[] strides, int start)
    {
        _lengths = lengths;
        _strides = [.. strides.Select((stride, axis) => lengths[axis] == 1 ? 0 : stride)];
        _start = start;
    }

    /// <summary>How many elements the tensor has.</summary>
    public int Count => (int)_lengths.Aggregate((nint)1, (product, length) => product * length);

    /// <summary>Row-major and without gaps.</summary>
    public static Layout Contiguous(params nint[] lengths)
    {
        nint[] strides = new nint[lengths.Length];
        nint stride = 1;
        for (int axis = lengths.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = stride;
            stride *= lengths[axis];
        }

        return new Layout(lengths, strides, 0);
    }

    /// <summary>Any strides.</summary>
    public static Layout Strided(nint[] lengths, nint[] strides, int start = 0) => new(lengths, strides, start);

    /// <summary>
    /// The view <c>[batch, heads, length, size]</c> of memory <c>[batch, length, rowSize]</c> in which the heads of a position
    /// stand one after the other from column <paramref name="start"/> on.
    /// </summary>
    public static Layout OfPositions(int batch, int heads, int length, int size, int rowSize, int start = 0) =>
        new([batch, heads, length, size], [(nint)length * rowSize, size, rowSize, 1], start);

    public ReadOnlyTensorSpan<T> Read<T>(T[] data) =>
        Count == 0 ? new ReadOnlyTensorSpan<T>(data, _lengths) : new ReadOnlyTensorSpan<T>(data, _start, _lengths, _strides);

    public TensorSpan<T> Write<T>(T[] data) =>
        Count == 0 ? new TensorSpan<T>(data, _lengths) : new TensorSpan<T>(data, _start, _lengths, _strides);

    /// <summary>A tensor over memory that is no array, such as a guarded buffer's.</summary>
    public ReadOnlyTensorSpan<T> Read<T>(ReadOnlySpan<T> data) =>
        Count == 0 ? new ReadOnlyTensorSpan<T>(data, _lengths) : new ReadOnlyTensorSpan<T>(data[_start..], _lengths, _strides);

    /// <summary>A tensor over memory that is no array, such as a guarded buffer's.</summary>
    public TensorSpan<T> Write<T>(Span<T> data) =>
        Count == 0 ? new TensorSpan<T>(data, _lengths) : new TensorSpan<T>(data[_start..], _lengths, _strides);

    /// <summary>The elements in row-major order.</summary>
    public T[] Gather<T>(ReadOnlySpan<T> data)
    {
        T[] elements = new T[Count];
        for (int i = 0; i < elements.Length; i++)
        {
            elements[i] = data[Place(i)];
        }

        return elements;
    }

    /// <summary>Puts elements given in row-major order where they belong; the rest of <paramref name="data"/> stays.</summary>
    public void Scatter<T>(ReadOnlySpan<T> elements, Span<T> data)
    {
        for (int i = 0; i < elements.Length; i++)
        {
            data[Place(i)] = elements[i];
        }
    }

    private int Place(int element)
    {
        int place = _start;
        for (int axis = _lengths.Length - 1; axis >= 0; axis--)
        {
            place += element % (int)_lengths[axis] * (int)_strides[axis];
            element /= (int)_lengths[axis];
        }

        return place;
    }
}
