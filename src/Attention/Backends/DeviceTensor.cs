namespace Attention.Backends;

/// <summary>
/// A tensor of floats on one backend: a shape and strides over a buffer. Views share their buffer, which is freed when the
/// last tensor over it is disposed.
/// </summary>
/// <remarks>Reading a tensor from several threads is safe; disposing it while another thread uses it is not.</remarks>
public sealed class DeviceTensor : IDisposable
{
    private readonly nint[] _lengths;
    private readonly nint[] _strides;
    private DeviceBuffer? _buffer;

    private DeviceTensor(DeviceBuffer buffer, nint offset, nint[] lengths, nint[] strides)
    {
        buffer.AddReference();
        _buffer = buffer;
        Offset = offset;
        _lengths = lengths;
        _strides = strides;
        Count = Shapes.Count(lengths);
    }

    /// <summary>Where its numbers are.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public DeviceBuffer Buffer => _buffer ?? throw new ObjectDisposedException(nameof(DeviceTensor));

    /// <summary>The backend that computes with it.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public IComputeBackend Backend => Buffer.Backend;

    /// <summary>The place of its first number in the buffer.</summary>
    public nint Offset { get; }

    /// <summary>The length of each axis.</summary>
    public ReadOnlySpan<nint> Lengths => _lengths;

    /// <summary>How far apart neighbours along each axis lie, in floats; 0 along an axis of length 1 or one that repeats.</summary>
    public ReadOnlySpan<nint> Strides => _strides;

    /// <summary>The number of axes.</summary>
    public int Rank => _lengths.Length;

    /// <summary>How many numbers it has.</summary>
    public nint Count { get; }

    /// <summary>Whether the tensor was disposed.</summary>
    public bool IsDisposed => _buffer is null;

    /// <summary>Whether its numbers lie side by side in row-major order.</summary>
    public bool IsContiguous => Count <= 1 || Shapes.IsContiguous(_lengths, _strides);

    /// <summary>Makes a tensor over fresh memory of <paramref name="backend"/>, whose contents are undefined.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="lengths">The length of each axis.</param>
    /// <exception cref="ArgumentOutOfRangeException">A length is negative.</exception>
    public static DeviceTensor Allocate(IComputeBackend backend, params ReadOnlySpan<nint> lengths)
    {
        ArgumentNullException.ThrowIfNull(backend);
        nint[] copy = lengths.ToArray();
        foreach (nint length in copy)
        {
            ArgumentOutOfRangeException.ThrowIfNegative(length, nameof(lengths));
        }

        return new DeviceTensor(backend.Allocate(Shapes.Count(copy)), 0, copy, Shapes.ContiguousStrides(copy));
    }

    /// <summary>Makes a tensor on <paramref name="backend"/> that holds a copy of <paramref name="values"/>, row-major.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="values">Its numbers.</param>
    /// <param name="lengths">The length of each axis.</param>
    /// <exception cref="ArgumentException"><paramref name="values"/> has another count than the shape.</exception>
    public static DeviceTensor Create(IComputeBackend backend, ReadOnlySpan<float> values, params ReadOnlySpan<nint> lengths)
    {
        if (values.Length != Shapes.Count(lengths))
        {
            throw new ArgumentException($"'{nameof(values)}' has {values.Length} numbers; the shape {Shapes.Text(lengths)} has {Shapes.Count(lengths)}.", nameof(values));
        }

        DeviceTensor tensor = Allocate(backend, lengths);
        backend.Upload(values, tensor);
        return tensor;
    }

    /// <summary>Makes a contiguous tensor of zeros.</summary>
    /// <param name="backend">The backend.</param>
    /// <param name="lengths">The length of each axis.</param>
    public static DeviceTensor Zeros(IComputeBackend backend, params ReadOnlySpan<nint> lengths)
    {
        DeviceTensor tensor = Allocate(backend, lengths);
        backend.Fill(tensor, 0);
        return tensor;
    }

    /// <summary>Makes a tensor over fresh memory with these strides, which leave no gaps.</summary>
    internal static DeviceTensor Allocate(IComputeBackend backend, nint[] lengths, nint[] strides) =>
        new(backend.Allocate(Shapes.Count(lengths)), 0, lengths, strides);

    /// <summary>Copies the numbers to the host, row-major.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public float[] ToArray()
    {
        float[] values = new float[Count];
        Backend.Download(this, values);
        return values;
    }

    /// <summary>Another tensor over the same numbers, to be disposed on its own.</summary>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public DeviceTensor Share() => new(Buffer, Offset, _lengths, _strides);

    /// <summary>The same numbers in another shape, without a copy.</summary>
    /// <param name="lengths">The new lengths; one of them may be -1 and is then found from the others.</param>
    /// <exception cref="ArgumentException">The count differs, or the strides would need a copy.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public DeviceTensor Reshape(params ReadOnlySpan<nint> lengths)
    {
        nint[] target = Shapes.Resolve(lengths, Count);
        return Shapes.TryReshape(_lengths, _strides, target, out nint[] strides)
            ? new DeviceTensor(Buffer, Offset, target, strides)
            : throw new ArgumentException(
                $"A tensor of shape {Shapes.Text(_lengths)} with strides {Shapes.Text(_strides)} cannot be seen as {Shapes.Text(target)} without a copy.", nameof(lengths));
    }

    /// <summary>Whether <see cref="Reshape"/> to these lengths needs no copy.</summary>
    /// <param name="lengths">The new lengths.</param>
    public bool CanReshape(params ReadOnlySpan<nint> lengths) =>
        Shapes.TryReshape(_lengths, _strides, Shapes.Resolve(lengths, Count), out _);

    /// <summary>The same numbers with two axes exchanged, without a copy.</summary>
    /// <param name="first">An axis; negative ones count from the end.</param>
    /// <param name="second">Another axis.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public DeviceTensor Transpose(int first, int second)
    {
        first = Shapes.Axis(first, Rank, nameof(first));
        second = Shapes.Axis(second, Rank, nameof(second));
        nint[] lengths = [.. _lengths];
        nint[] strides = [.. _strides];
        (lengths[first], lengths[second]) = (lengths[second], lengths[first]);
        (strides[first], strides[second]) = (strides[second], strides[first]);
        return new DeviceTensor(Buffer, Offset, lengths, strides);
    }

    /// <summary>A part of one axis, without a copy.</summary>
    /// <param name="axis">The axis; negative ones count from the end.</param>
    /// <param name="start">The first index of the part.</param>
    /// <param name="length">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The axis does not exist or has no such part.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public DeviceTensor Slice(int axis, nint start, nint length)
    {
        axis = Shapes.Axis(axis, Rank, nameof(axis));
        ArgumentOutOfRangeException.ThrowIfNegative(start);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(start, _lengths[axis]);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, _lengths[axis] - start);
        nint[] lengths = [.. _lengths];
        nint[] strides = [.. _strides];
        lengths[axis] = length;
        strides[axis] = length == 1 ? 0 : strides[axis];
        return new DeviceTensor(Buffer, Offset + start * _strides[axis], lengths, strides);
    }

    /// <summary>Gives the memory back, unless other tensors still use it. Disposing twice does nothing.</summary>
    public void Dispose() => Interlocked.Exchange(ref _buffer, null)?.RemoveReference();

    /// <summary>The shape, for messages.</summary>
    public override string ToString() => $"DeviceTensor {Shapes.Text(_lengths)}{(IsDisposed ? ", disposed" : $" on {Backend.Name}")}";
}
