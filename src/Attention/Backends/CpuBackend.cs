using System.Numerics.Tensors;
using Attention.Gemm;
using Attention.Operators;

namespace Attention.Backends;

/// <summary>
/// Computes on the processor: a thin adapter over the static methods of <see cref="Mechanisms"/>, <see cref="Operators"/> and
/// <see cref="Gemm"/>, which it calls on the tensors' own memory. All methods are thread-safe.
/// </summary>
/// <remarks>Memory of disposed tensors is kept for the next ones of a like size; <see cref="Trim"/> gives it back.</remarks>
public sealed unsafe partial class CpuBackend : IComputeBackend
{
    private readonly CpuMemory _memory = new();
    private readonly MatrixProductOptions _products;
    private readonly int _threads;

    /// <summary>Creates a backend with memory of its own.</summary>
    /// <param name="maxDegreeOfParallelism">How many threads a computation may use; 0 for one on each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    public CpuBackend(int maxDegreeOfParallelism = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(maxDegreeOfParallelism);
        _threads = maxDegreeOfParallelism;
        _products = new MatrixProductOptions { MaxDegreeOfParallelism = maxDegreeOfParallelism };
    }

    /// <summary>A backend for all who need no settings of their own.</summary>
    public static CpuBackend Shared { get; } = new();

    /// <inheritdoc/>
    public string Name => "CPU";

    /// <summary>The numbers of a tensor where they are.</summary>
    /// <param name="tensor">
    /// A tensor of a CPU backend, which must be neither disposed nor left to the collector while the span is used: a span does not
    /// keep it alive (<see cref="GC.KeepAlive"/> after the last use does).
    /// </param>
    /// <exception cref="ArgumentException">The tensor lives on another kind of backend.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    public static TensorSpan<float> Span(DeviceTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        CpuBuffer buffer = tensor.Buffer as CpuBuffer
            ?? throw new ArgumentException($"'{nameof(tensor)}' lives on {tensor.Backend.Name}, not in the host's memory.", nameof(tensor));

        // A span refuses the strides of an axis without elements: where there is nothing, it may choose them itself.
        ReadOnlySpan<nint> strides = tensor.Count == 0 ? [] : tensor.Strides;
        return new TensorSpan<float>(buffer.Address + tensor.Offset, buffer.Length - tensor.Offset, tensor.Lengths, strides);
    }

    /// <summary>Gives memory that no tensor uses back to the system, once the collector has run.</summary>
    public void Trim() => _memory.Clear();

    /// <inheritdoc/>
    public BackendSupport Supports(in ComputeRequest request) => BackendSupport.Yes;

    /// <inheritdoc/>
    public DeviceBuffer Allocate(nint length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        return _memory.Take(length) ?? new CpuBuffer(this, CpuMemory.Capacity(length));
    }

    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> source, DeviceTensor destination)
    {
        TensorSpan<float> span = Own(destination, nameof(destination));
        CheckCount(source.Length, destination.Count, nameof(source));
        new ReadOnlyTensorSpan<float>(source, destination.Lengths).CopyTo(span);
        GC.KeepAlive(destination);
    }

    /// <inheritdoc/>
    public void Download(DeviceTensor source, Span<float> destination)
    {
        ReadOnlyTensorSpan<float> span = Own(source, nameof(source));
        CheckCount(destination.Length, source.Count, nameof(destination));
        span.CopyTo(new TensorSpan<float>(destination, source.Lengths));
        GC.KeepAlive(source);
    }

    /// <inheritdoc/>
    public void Fill(DeviceTensor destination, float value)
    {
        Elementwise.Fill(Own(destination, nameof(destination)), value, _threads);
        GC.KeepAlive(destination);
    }

    internal void Return(CpuBuffer buffer) => _memory.Return(buffer);

    private static void CheckCount(nint actual, nint expected, string name)
    {
        if (actual != expected)
        {
            throw new ArgumentException($"'{name}' has {actual} numbers; the tensor has {expected}.", name);
        }
    }

    /// <summary>A tensor's memory must not go while a kernel works on its address.</summary>
    private static void KeepAlive(DeviceTensor? first, DeviceTensor? second, DeviceTensor? third = null, DeviceTensor? fourth = null)
    {
        GC.KeepAlive(first);
        GC.KeepAlive(second);
        GC.KeepAlive(third);
        GC.KeepAlive(fourth);
    }

    private TensorSpan<float> Own(DeviceTensor tensor, string name)
    {
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (tensor.IsDisposed)
        {
            throw new ObjectDisposedException(nameof(DeviceTensor), $"'{name}' was disposed.");
        }

        return tensor.Backend == this
            ? Span(tensor)
            : throw new ArgumentException($"'{name}' lives on another backend ({tensor.Backend.Name}) than the one that is to compute with it ({Name}).", name);
    }

    private TensorSpan<float> Optional(DeviceTensor? tensor, string name) => tensor is null ? default : Own(tensor, name);

    private Span<float> Row(DeviceTensor? tensor, string name)
    {
        if (tensor is null)
        {
            return default;
        }

        TensorSpan<float> span = Own(tensor, name);
        return tensor.Rank == 1 && tensor.IsContiguous
            ? new Span<float>(((CpuBuffer)tensor.Buffer).Address + tensor.Offset, checked((int)span.FlattenedLength))
            : throw new ArgumentException($"'{name}' has shape {Shapes.Text(tensor.Lengths)}; expected one contiguous axis.", name);
    }
}
