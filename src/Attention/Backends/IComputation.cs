namespace Attention.Backends;

/// <summary>
/// A whole computation as a value: one pass of a mechanism with its tensors, which a backend runs by
/// <see cref="IComputeBackend.Run"/>. New mechanisms, one's own among them, come as new computations; the interface of backends
/// does not grow with them.
/// </summary>
/// <remarks>
/// A backend whose memory the processor can reach runs any computation, by calling <see cref="RunOnHost"/>. A device knows those
/// by their type that it has kernels for, and refuses the others.
/// </remarks>
public interface IComputation
{
    /// <summary>What it is called in messages, such as <c>the forward pass of additive attention</c>.</summary>
    static abstract string Name { get; }

    /// <summary>Runs the computation on the processor.</summary>
    /// <param name="host">Where its tensors are.</param>
    /// <exception cref="ArgumentException">A tensor lives elsewhere, or a shape does not fit; nothing was written.</exception>
    /// <exception cref="ObjectDisposedException">A tensor was disposed.</exception>
    void RunOnHost(IHostMemory host);
}
