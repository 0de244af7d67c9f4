using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Attention.Backends;

public sealed unsafe partial class CpuBackend : IHostMemory
{
    /// <inheritdoc/>
    int IHostMemory.MaxDegreeOfParallelism => _threads;

    /// <inheritdoc/>
    public BackendSupport Supports<TComputation>()
        where TComputation : struct, IComputation => BackendSupport.Yes;

    /// <inheritdoc/>
    /// <remarks>Not inlined: the caller's computation, taken by reference, keeps the tensors alive while their memory is used.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public void Run<TComputation>(in TComputation computation)
        where TComputation : struct, IComputation => computation.RunOnHost(this);

    /// <inheritdoc/>
    TensorSpan<float> IHostMemory.Span(DeviceTensor? tensor, string name) => Optional(tensor, name);
}
