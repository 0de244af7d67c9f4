using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Operators;
using Attention.Policies;
using Attention.TestKit;
using static Attention.Autodiff.Differentiable;

namespace Attention.Tests.Autodiff;

/// <summary>A checkpointed block gives the bits of the block itself and keeps nothing of its inside.</summary>
public class CheckpointTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(0.3f)]
    public void Bits_AreThoseWithoutIt(float dropout)
    {
        using var first = new Linear(6, 9, seed: 1);
        using var second = new Linear(9, 6, seed: 2);

        (float[] Output, float[][] Gradients) expected = Run(Block);
        (float[] Output, float[][] Gradients) actual = Run(x => Differentiable.Checkpoint(Block, x));
        (float[] Output, float[][] Gradients) nested = Run(
            x => Differentiable.Checkpoint(y => Differentiable.Checkpoint(Block, y), x));

        foreach ((float[] output, float[][] gradients) in new[] { actual, nested })
        {
            Tolerance.SameBits("output", output, expected.Output);
            for (int i = 0; i < gradients.Length; i++)
            {
                gradients[i].Should().Contain(static x => x != 0);
                Tolerance.SameBits($"gradient {i}", gradients[i], expected.Gradients[i]);
            }
        }

        Variable Block(Variable x)
        {
            using Variable inner = first.Forward(x);
            using Variable active = Activate(ActivationKind.Gelu, inner);
            using Variable dropped = Drop(active, dropout);
            using Variable result = second.Forward(dropped);
            return Drop(result, dropout);
        }

        // Dropout before and after the block draws from the same tape.
        (float[] Output, float[][] Gradients) Run(Func<Variable, Variable> block)
        {
            using var tape = new Tape(11);
            using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(1), 30), 5, 6));
            using Variable before = Drop(input, dropout);
            using Variable middle = block(before);
            using Variable output = Drop(middle, dropout);
            using Variable square = Multiply(output, output);
            using Variable loss = Sum(square);
            tape.Backward(loss);
            Parameter[] parameters = [.. first.NamedParameters().Concat(second.NamedParameters()).Select(static entry => entry.Value)];
            float[][] gradients = [input.Gradient!.ToArray(), .. parameters.Select(static parameter => parameter.Gradient!.ToArray())];
            first.ClearGradients();
            second.ClearGradients();
            return (output.Data.ToArray(), gradients);
        }
    }

    [Fact]
    public void TheInside_IsNotKept()
    {
        var backend = new CountingBackend();
        using var tape = new Tape();
        using Variable input = tape.Watch(DeviceTensor.Zeros(backend, 3));
        int before = backend.LiveBuffers;
        using Variable output = Differentiable.Checkpoint(
            static x =>
            {
                using Variable scaled = Scale(x, 2);
                using Variable active = Activate(ActivationKind.Tanh, scaled);
                return Scale(active, 3);
            },
            input);

        tape.Count.Should().Be(1);
        (backend.LiveBuffers - before).Should().Be(1, "only the result is new");
    }

    [Fact]
    public void ParametersLearn_WhereTheInputHasNoGradient()
    {
        using var layer = new Linear(3, 2);
        using var tape = new Tape();
        using Variable input = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, [1, 2, 3], 1, 3));
        using Variable output = Differentiable.Checkpoint(layer.Forward, input);
        using Variable loss = Sum(output);
        tape.Backward(loss);

        layer.Weight.Gradient!.ToArray().Should().Equal(1, 2, 3, 1, 2, 3);
        input.Gradient.Should().BeNull();
    }

    [Fact]
    public void WithoutATape_TheBlockIsRun()
    {
        using Variable input = Variable.Constant(DeviceTensor.Create(CpuBackend.Shared, [1, 2, 3], 3));
        using Variable output = Differentiable.Checkpoint(static x => Scale(x, 2), input);

        output.Data.ToArray().Should().Equal(2, 4, 6);
        output.Tape.Should().BeNull();
    }

    [Fact]
    public void ABlockThatOnlyLooks_PassesTheGradient() => GradientCheck.Run(
        static x => Differentiable.Checkpoint(static y => y.Reshape(6), x[0]), static x => x[0].Reshape(6), [2, 3]);

    [Fact]
    public void AnInputThatIsUsedElsewhere_AddsUp() => GradientCheck.Run(
        static x => Add(Multiply(x[0], x[0]), Differentiable.Checkpoint(static y => Multiply(Scale(y, 2), y), x[0])),
        static x => x[0].Multiply(x[0]).Scale(3), [2, 3]);

    [Fact]
    public void AnAttentionLayer_CanBeCheckpointed()
    {
        using var layer = new MultiHeadAttention(new MultiHeadAttentionOptions { ModelSize = 8, Heads = 2, Dropout = 0.2f });
        float[] plain = Run(x => layer.Forward(x, CausalMask.TopLeft));
        float[] checkpointed = Run(x => Differentiable.Checkpoint(y => layer.Forward(y, CausalMask.TopLeft), x));

        Tolerance.SameBits("gradient", checkpointed, plain);

        static float[] Run(Func<Variable, Variable> block)
        {
            using var tape = new Tape(3);
            using Variable input = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, AttentionProblems.Normal(new Random(1), 2 * 5 * 8), 2, 5, 8));
            using Variable output = block(input);
            using Variable square = Multiply(output, output);
            using Variable loss = Sum(square);
            tape.Backward(loss);
            return input.Gradient!.ToArray();
        }
    }
}
