using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Layers move nothing between host and device but inputs and results, and stand on any backend.</summary>
public class LayerTransferTests
{
    private static readonly MultiHeadAttentionOptions s_attention = new() { ModelSize = 12, Heads = 3, Dropout = 0.1f };

    private static readonly TransformerOptions s_options = new() { Attention = s_attention, FeedForwardSize = 20, Dropout = 0.1f };

    [Fact]
    public void MultiHeadAttention_TransfersNothing() => Check(
        static backend => new MultiHeadAttention(s_attention, backend),
        static (layer, inputs) => layer.Forward(inputs[0], CausalMask.TopLeft));

    [Fact]
    public void MultiHeadAttention_WithEverything_TransfersNothing() => Check(
        static backend => new MultiHeadAttention(s_attention with { KeyValueHeads = 1, HasQueryKeyNorm = true, HasOutputGate = true }, backend),
        static (layer, inputs) => layer.Forward(inputs[0], inputs[1], inputs[1], default(NoMask), new SoftCapModifier(5)));

    [Theory]
    [InlineData(FeedForwardKind.Relu, NormOrder.Post)]
    [InlineData(FeedForwardKind.SwiGlu, NormOrder.Pre)]
    public void EncoderLayer_TransfersNothing(FeedForwardKind kind, NormOrder order) => Check(
        backend => new TransformerEncoderLayer(s_options with { FeedForward = kind, NormOrder = order }, backend),
        static (layer, inputs) => layer.Forward(inputs[0], CausalMask.TopLeft));

    [Theory]
    [InlineData(NormOrder.Post)]
    [InlineData(NormOrder.Pre)]
    public void DecoderLayer_TransfersNothing(NormOrder order) => Check(
        backend => new TransformerDecoderLayer(s_options with { NormOrder = order }, backend),
        static (layer, inputs) => layer.Forward(inputs[0], inputs[1], CausalMask.TopLeft, default(NoMask)));

    [Fact]
    public void ALayer_UsedFromTwoThreadsWithoutATape_GivesTheSame()
    {
        using var layer = new TransformerEncoderLayer(s_options);
        using Variable input = Variable.Constant(Numbers(CpuBackend.Shared, 7, 6));
        float[] expected = Forward();

        Parallel.For(0, 16, new ParallelOptions { MaxDegreeOfParallelism = 2 }, _ => Tolerance.SameBits("output", Forward(), expected));

        float[] Forward()
        {
            using Variable output = layer.Forward(input, CausalMask.TopLeft);
            return output.Data.ToArray();
        }
    }

    private static void Check<TLayer>(Func<IComputeBackend?, TLayer> create, Func<TLayer, Variable[], Variable> forward)
        where TLayer : Layer
    {
        var backend = new CountingBackend();
        float[][] counted = Train(backend);
        float[][] expected = Train(null);
        for (int i = 0; i < expected.Length; i++)
        {
            Tolerance.SameBits($"result {i}", counted[i], expected[i]);
        }

        float[][] Train(CountingBackend? counting)
        {
            IComputeBackend where = (IComputeBackend?)counting ?? CpuBackend.Shared;
            using TLayer layer = create(where);
            using var tape = new Tape(5);
            using Variable input = tape.Watch(Numbers(where, 1, 6));
            using Variable memory = tape.Watch(Numbers(where, 2, 4));
            using DeviceTensor gradient = Numbers(where, 3, 6);
            (long uploaded, long downloaded, int computations) = (counting?.Uploaded ?? 0, counting?.Downloaded ?? 0, counting?.Computations ?? 0);

            using Variable output = forward(layer, [input, memory]);
            tape.Backward(output, gradient);

            if (counting is not null)
            {
                counting.Computations.Should().BeGreaterThan(computations + 10);
                counting.Uploaded.Should().Be(uploaded);
                counting.Downloaded.Should().Be(downloaded);
            }

            return
            [
                output.Data.ToArray(), input.Gradient!.ToArray(), memory.Gradient?.ToArray() ?? [],
                .. layer.NamedParameters().Select(static entry => entry.Value.Gradient!.ToArray()),
            ];
        }
    }

    private static DeviceTensor Numbers(IComputeBackend backend, int seed, int length) =>
        DeviceTensor.Create(backend, AttentionProblems.Normal(new Random(seed), 2 * length * 12), 2, length, 12);
}
