using Attention.Autodiff;
using Attention.Policies;
using Attention.TestKit;
using Attention.Tests.Layers;

namespace Attention.Tests.Autodiff;

/// <summary>Additive attention on a tape: what is recorded, and that dropout is for training alone.</summary>
public class AdditiveAttentionTapeTests
{
    [Fact]
    public void EveryInput_HasItsGradient()
    {
        nint[][] shapes = [[2, 4, 5, 3], [2, 2, 6, 3], [3], [2, 2, 6, 7]];
        AttentionShape shape = new(2, 4, 2, 5, 6, 3, 7);
        GradientCheck.Run(
            static x => Differentiable.AdditiveAttention(x[0], x[1], x[2], x[3], CausalMask.TopLeft),
            x =>
            {
                AttentionProblem<double> attention = new(shape)
                {
                    Query = x[0].Values,
                    Key = x[1].Values,
                    Value = x[3].Values,
                    Mask = (_, _, query, key) => key <= query,
                };
                return x[0].With(AdditiveAttentionLoops<double>.Run(new(attention, x[2].Values)).Output.Sums, shape.OutputLengths);
            },
            shapes);
    }

    /// <summary>Keys that are the values too get both gradients.</summary>
    [Fact]
    public void OneVariableTwice_HasBothGradients()
    {
        AttentionShape shape = new(2, 1, 1, 5, 6, 3, 3);
        GradientCheck.Run(
            static x => Differentiable.AdditiveAttention(x[0], x[1], x[2], x[1], default(NoMask)),
            x => x[0].With(
                AdditiveAttentionLoops<double>.Run(new(
                    new AttentionProblem<double>(shape) { Query = x[0].Values, Key = x[1].Values, Value = x[1].Values }, x[2].Values)).Output.Sums,
                shape.OutputLengths),
            [2, 1, 5, 3], [2, 1, 6, 3], [3]);
    }

    [Fact]
    public void Dropout_IsForTrainingAlone()
    {
        using var training = new Tape(seed: 3);
        using var evaluating = new Tape(seed: 3, isTraining: false);

        float[] plain = Run(null, 0);
        Tolerance.SameBits("without a tape", Run(null, 0.5f), plain);
        Tolerance.SameBits("without training", Run(evaluating, 0.5f), plain);
        Run(training, 0.5f).Should().NotEqual(plain);

        static float[] Run(Tape? tape, float dropout)
        {
            Variable[] inputs = [Input(1, 1, 2, 5, 3), Input(2, 1, 2, 6, 3), Input(3, 3), Input(4, 1, 2, 6, 7)];
            float[] output = LayerNumbers.Take(Differentiable.AdditiveAttention(
                inputs[0], inputs[1], inputs[2], inputs[3], default(NoMask), new AttentionOptions { Dropout = dropout }));
            Array.ForEach(inputs, input => input.Dispose());
            return output;

            Variable Input(int seed, params nint[] lengths) =>
                tape is null ? LayerNumbers.Input(seed, lengths) : tape.Watch(LayerNumbers.Tensor(seed, lengths));
        }
    }
}
