using Attention.Backends;

namespace Attention.TestKit;

/// <summary>A tensor in a backend's memory with NaN around it and, until something is put there, in it.</summary>
public sealed class PlacedTensor : IDisposable
{
    private readonly DeviceTensor _memory;

    /// <summary>A tensor of NaN.</summary>
    public PlacedTensor(IComputeBackend backend, DeviceLayout layout, params ReadOnlySpan<nint> lengths)
    {
        bool turned = layout is DeviceLayout.Turned or DeviceLayout.TurnedGaps;
        bool gaps = layout is DeviceLayout.Gaps or DeviceLayout.TurnedGaps;
        List<nint> stored = [.. lengths];
        if (turned && lengths.Length == 1)
        {
            stored.Add(2);
        }
        else if (turned)
        {
            (stored[^1], stored[^2]) = (stored[^2], stored[^1]);
        }

        nint[] whole = [.. stored.Select(length => gaps ? length + 3 : length)];
        float[] poison = new float[PlainTensor.Count(whole)];
        Array.Fill(poison, float.NaN);
        _memory = DeviceTensor.Create(backend, poison, whole);
        DeviceTensor view = _memory.Share();
        for (int axis = 0; gaps && axis < stored.Count; axis++)
        {
            view = Replace(view, view.Slice(axis, 1, stored[axis]));
        }

        if (turned && lengths.Length == 1)
        {
            view = Replace(view, view.Slice(1, 0, 1));
            view = Replace(view, view.Reshape(lengths));
        }
        else if (turned)
        {
            view = Replace(view, view.Transpose(-1, -2));
        }

        Tensor = view;
    }

    /// <summary>A tensor of these numbers.</summary>
    public PlacedTensor(IComputeBackend backend, DeviceLayout layout, PlainTensor values)
        : this(backend, layout, values.Lengths)
    {
        backend.Upload(values.Floats, Tensor);
    }

    public DeviceTensor Tensor { get; }

    /// <summary>The numbers, after making sure that nothing around them was written. They are lost by that.</summary>
    public float[] Take(string name)
    {
        float[] values = Tensor.ToArray();
        Tensor.Backend.Fill(Tensor, 0);
        nint around = _memory.ToArray().Count(float.IsNaN);
        if (around != _memory.Count - Tensor.Count)
        {
            throw new ToleranceException($"{name}: {around} numbers around the tensor are untouched, not {_memory.Count - Tensor.Count}.");
        }

        return values;
    }

    public void Dispose()
    {
        Tensor.Dispose();
        _memory.Dispose();
    }

    private static DeviceTensor Replace(DeviceTensor old, DeviceTensor view)
    {
        old.Dispose();
        return view;
    }
}
