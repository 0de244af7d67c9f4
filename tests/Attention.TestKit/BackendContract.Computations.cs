using System.Numerics.Tensors;
using Attention.Backends;

namespace Attention.TestKit;

public sealed partial class BackendContract
{
    public void Computations_of_others_run_or_are_refused()
    {
        PlainTensor x = Numbers(2, 3);
        DeviceTensor input = Put(x);
        PlacedTensor output = Poisoned(DeviceLayout.Contiguous, 2, 3);
        var computation = new Doubling(input, output.Tensor);
        BackendSupport support = _backend.Supports<Doubling>();
        if (!support.IsSupported)
        {
            RequireNotSupported("A computation", support.Reason, () => _backend.Run(computation));
            return;
        }

        _backend.Run(computation);
        PlainFormula.Check("doubling", output.Take("doubling"), static all => all[0].Scale(2), x);
        DeviceTensor stranger = Put(_other, x);
        RequireRefusal<ArgumentException>("Run", "input", () => _backend.Run(new Doubling(stranger, output.Tensor)));
        stranger.Dispose();
        RequireRefusal<ObjectDisposedException>("Run", "input", () => _backend.Run(new Doubling(stranger, output.Tensor)));
    }

    private static DeviceTensor Put(IComputeBackend backend, PlainTensor values) => DeviceTensor.Create(backend, values.Floats, values.Lengths);

    /// <summary>A computation that no backend knows.</summary>
    private readonly struct Doubling(DeviceTensor input, DeviceTensor output) : IComputation
    {
        public static string Name => "doubling";

        public void RunOnHost(IHostMemory host)
        {
            ReadOnlyTensorSpan<float> source = host.Span(input, "input");
            Tensor.Multiply(source, 2, host.Span(output, "output"));
        }
    }
}
