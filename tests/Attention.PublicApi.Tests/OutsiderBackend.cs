using Attention.Backends;

namespace Attention.PublicApi.Tests;

/// <summary>
/// A backend written with nothing but the public interfaces. Every computation copies its tensors to row-major arrays, runs plain
/// loops or the library's methods on them, and copies the result back: slow, and as simple as can be.
/// </summary>
internal sealed partial class OutsiderBackend : IComputeBackend
{
    public string Name => "outsider";

    public BackendSupport Supports(in ComputeRequest request) => request.Operation == ComputeOperation.Rotary
        ? BackendSupport.No("The outsider does not rotate.")
        : BackendSupport.Yes;

    public DeviceBuffer Allocate(nint length) => new OutsiderBuffer(this, length);

    public void Upload(ReadOnlySpan<float> source, DeviceTensor destination)
    {
        Check(destination, nameof(destination));
        Require(source.Length == destination.Count, nameof(source), "has another count than the tensor.");
        Write(destination, source.ToArray(), 0);
    }

    public void Download(DeviceTensor source, Span<float> destination)
    {
        Check(source, nameof(source));
        Require(destination.Length == source.Count, nameof(destination), "has another count than the tensor.");
        Read(source).CopyTo(destination);
    }

    public void Fill(DeviceTensor destination, float value)
    {
        Check(destination, nameof(destination));
        float[] values = new float[destination.Count];
        Array.Fill(values, value);
        Write(destination, values, 0);
    }

    public void Rotate(DeviceTensor input, in Rotation rotation, ReadOnlySpan<int> positions, int offset, bool inverse, DeviceTensor output) =>
        Supports(new ComputeRequest(ComputeOperation.Rotary)).Require();

    /// <summary>Where the numbers of a tensor stand in its buffer, row-major.</summary>
    private static int[] Places(DeviceTensor tensor)
    {
        int[] places = new int[tensor.Count];
        for (int i = 0; i < places.Length; i++)
        {
            nint rest = i;
            nint place = tensor.Offset;
            for (int axis = tensor.Rank - 1; axis >= 0; axis--)
            {
                place += rest % tensor.Lengths[axis] * tensor.Strides[axis];
                rest /= tensor.Lengths[axis];
            }

            places[i] = (int)place;
        }

        return places;
    }

    private static float[] Read(DeviceTensor tensor)
    {
        float[] numbers = ((OutsiderBuffer)tensor.Buffer).Numbers;
        return Array.ConvertAll(Places(tensor), place => numbers[place]);
    }

    private static float[] ReadOptional(DeviceTensor? tensor) => tensor is null ? [] : Read(tensor);

    private static void Write(DeviceTensor tensor, float[] values, float beta)
    {
        float[] numbers = ((OutsiderBuffer)tensor.Buffer).Numbers;
        int[] places = Places(tensor);
        for (int i = 0; i < places.Length; i++)
        {
            numbers[places[i]] = values[i] + (beta == 0 ? 0 : beta * numbers[places[i]]);
        }
    }

    /// <summary>Which element of a small shape stands at an element of a larger one to which it is repeated.</summary>
    private static int Repeated(int element, ReadOnlySpan<nint> full, ReadOnlySpan<nint> small)
    {
        nint place = 0;
        nint stride = 1;
        nint rest = element;
        for (int axis = 1; axis <= small.Length; axis++)
        {
            place += small[^axis] == 1 ? 0 : rest % full[^axis] * stride;
            rest /= full[^axis];
            stride *= small[^axis];
        }

        return (int)place;
    }

    private static void Require(bool condition, string parameter, string message)
    {
        if (!condition)
        {
            throw new ArgumentException($"'{parameter}' {message}", parameter);
        }
    }

    private static void RequireShape(DeviceTensor? tensor, string parameter, params ReadOnlySpan<nint> lengths) =>
        Require(tensor is null || tensor.Lengths.SequenceEqual(lengths), parameter, "has another shape than the others ask for.");

    private static void RequireRepeats(DeviceTensor small, string parameter, DeviceTensor full)
    {
        bool fits = small.Rank <= full.Rank;
        for (int axis = 1; fits && axis <= small.Rank; axis++)
        {
            fits = small.Lengths[^axis] == 1 || small.Lengths[^axis] == full.Lengths[^axis];
        }

        Require(fits, parameter, "cannot be repeated to the shape of the others.");
    }

    private void Check(DeviceTensor? tensor, string parameter)
    {
        if (tensor is { IsDisposed: true })
        {
            throw new ObjectDisposedException(nameof(DeviceTensor), $"'{parameter}' was disposed.");
        }

        Require(tensor is null || tensor.Backend == this, parameter, "lives elsewhere.");
    }
}
