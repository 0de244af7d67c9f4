using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.PublicApi.Tests;

/// <summary>A backend written with nothing but the public interfaces keeps the contract, and layers stand on it.</summary>
public sealed class OutsiderBackendTests
{
    public static TheoryData<string> Checks => [.. BackendContract.Checks];

    [Theory]
    [MemberData(nameof(Checks))]
    public void It_keeps(string check) => new BackendContract(static () => new OutsiderBackend()).Run(check);

    [Fact]
    public void What_it_does_not_offer_it_refuses_with_its_reason()
    {
        OutsiderBackend backend = new();
        using DeviceTensor tensor = DeviceTensor.Zeros(backend, 1, 1, 2, 4);
        Action act = () => backend.Rotate(tensor, default, [], 0, false, tensor);

        act.Should().Throw<NotSupportedException>().WithMessage("The outsider does not rotate.");
    }

    [Fact]
    public void A_layer_learns_on_it_what_it_learns_on_the_processor()
    {
        (float[] output, float[] gradient) = Train(new OutsiderBackend());
        (float[] expectedOutput, float[] expectedGradient) = Train(CpuBackend.Shared);

        Tolerance.Reordered("output", output, expectedOutput, roundings: 64);
        Tolerance.Reordered("gradient", gradient, expectedGradient, roundings: 64);

        static (float[] Output, float[] Gradient) Train(IComputeBackend backend)
        {
            using MultiHeadAttention layer = new(12, 3, backend);
            using Tape tape = new();
            using Variable input = tape.Watch(DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(1), 2 * 5 * 12), 2, 5, 12));
            using Variable output = layer.Forward(input, CausalMask.TopLeft);
            using Variable square = Differentiable.Multiply(output, output);
            using Variable loss = Differentiable.Sum(square);
            tape.Backward(loss);
            return (output.Data.ToArray(), input.Gradient!.ToArray());
        }
    }
}
