using System.Numerics.Tensors;

namespace Attention.Backends;

/// <summary>The tensors of a backend whose memory the processor can reach.</summary>
public interface IHostMemory
{
    /// <summary>How many threads a computation may use; 0 for one on each processor.</summary>
    int MaxDegreeOfParallelism { get; }

    /// <summary>The numbers of a tensor where they are. The span does not keep the tensor alive; the computation that holds it does.</summary>
    /// <param name="tensor">The tensor; null gives the default span, which stands for a tensor that is absent.</param>
    /// <param name="name">What it is called in messages.</param>
    /// <exception cref="ArgumentException">The tensor lives on another backend.</exception>
    /// <exception cref="ObjectDisposedException">The tensor was disposed.</exception>
    TensorSpan<float> Span(DeviceTensor? tensor, string name);
}
