namespace Attention.Backends;

/// <summary>
/// A run of floats where a backend keeps its numbers. Tensors are views of it; it goes back to the backend when the last of
/// them is disposed.
/// </summary>
/// <param name="backend">Whose memory it is.</param>
/// <param name="length">How many floats.</param>
public abstract class DeviceBuffer(IComputeBackend backend, nint length)
{
    private int _references;

    /// <summary>Whose memory it is.</summary>
    public IComputeBackend Backend { get; } = backend;

    /// <summary>How many floats.</summary>
    public nint Length { get; } = length;

    /// <summary>Called once nobody uses the memory any more.</summary>
    protected abstract void Free();

    internal void AddReference() => Interlocked.Increment(ref _references);

    internal void RemoveReference()
    {
        if (Interlocked.Decrement(ref _references) == 0)
        {
            Free();
        }
    }
}
