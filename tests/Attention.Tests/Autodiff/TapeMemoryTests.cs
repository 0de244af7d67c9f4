using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;
using static Attention.Autodiff.Differentiable;

namespace Attention.Tests.Autodiff;

/// <summary>Every buffer that a tape takes goes back, whether it is played or only disposed.</summary>
public class TapeMemoryTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Buffers_GoBack(bool isPlayed)
    {
        var backend = new CountingBackend();
        using (TransformerEncoderLayer layer = Layer(backend))
        {
            int parameters = backend.LiveBuffers;
            for (int round = 0; round < 2; round++)
            {
                using (var tape = new Tape(1))
                using (Variable input = tape.Watch(DeviceTensor.Zeros(backend, 2, 5, 8)))
                using (Variable output = layer.Forward(input, CausalMask.TopLeft))
                using (Variable loss = Sum(output))
                {
                    tape.Count.Should().BeGreaterThan(5);
                    if (isPlayed)
                    {
                        tape.Backward(loss);
                        backend.LiveBuffers.Should().Be(2 * parameters + 4, "gradients of parameters and input, input, output, loss");
                    }
                }

                layer.ClearGradients();
                backend.LiveBuffers.Should().Be(parameters);
            }
        }

        backend.LiveBuffers.Should().Be(0);
    }

    [Fact]
    public void Views_LetGo()
    {
        var backend = new CountingBackend();
        using (var parameter = new Parameter("p", DeviceTensor.Zeros(backend, 4, 6)))
        using (var tape = new Tape())
        {
            using Variable input = tape.Watch(DeviceTensor.Zeros(backend, 4, 6));
            Variable[] parts = input.Split(1, 2, 4);
            using Variable slice = parameter.Slice(1, 1, 2);
            using Variable turned = slice.Transpose(0, 1);
            using Variable again = turned.Transpose(0, 1);
            using Variable product = Multiply(parts[0], again);
            using Variable loss = Sum(product);
            tape.Backward(loss);
            foreach (Variable part in parts)
            {
                part.Dispose();
            }
        }

        backend.LiveBuffers.Should().Be(0);
    }

    [Fact]
    public void WithoutATape_OnlyTheResultIsNew()
    {
        var backend = new CountingBackend();
        using TransformerEncoderLayer layer = Layer(backend);
        using Variable input = Variable.Constant(DeviceTensor.Zeros(backend, 2, 5, 8));
        int before = backend.LiveBuffers;

        Variable output = layer.Forward(input, CausalMask.TopLeft);

        backend.LiveBuffers.Should().Be(before + 1);
        output.Dispose();
        backend.LiveBuffers.Should().Be(before);
    }

    private static TransformerEncoderLayer Layer(CountingBackend backend) => new(
        new TransformerOptions
        {
            Attention = new MultiHeadAttentionOptions { ModelSize = 8, Heads = 2, Dropout = 0.1f },
            FeedForwardSize = 12,
            Dropout = 0.1f,
        },
        backend);
}
