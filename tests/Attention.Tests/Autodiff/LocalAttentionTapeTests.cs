using Attention.Autodiff;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Operators;
using Attention.Policies;
using Attention.TestKit;
using Attention.Tests.Mechanisms;

namespace Attention.Tests.Autodiff;

/// <summary>Local attention on the tape: the result and the gradient of every input against central differences in double.</summary>
public class LocalAttentionTapeTests
{
    private static readonly AttentionShape s_shape = new(2, 4, 2, 5, 9, 3, 2);
    private static readonly LocalWindow s_window = new(3, true) { KeyLengths = [9, 7] };

    [Fact]
    public void EveryInput_HasItsGradient()
    {
        GradientCheck.Run(
            static x =>
            {
                using Variable positions = Differentiable.Activate(ActivationKind.Sigmoid, x[3]);
                using Variable scaled = Differentiable.Scale(positions, 7);
                return Differentiable.LocalAttention(x[0], x[1], x[2], scaled, s_window, CausalMask.BottomRight(5, 9), new() { Scale = 1 });
            },
            Formula, s_shape.QueryLengths, s_shape.KeyLengths, s_shape.ValueLengths, [2, 5]);

        static PlainTensor Formula(PlainTensor[] x)
        {
            LocalAttentionProblem<double> problem = new(
                new AttentionProblem<double>(s_shape)
                {
                    Query = x[0].Values,
                    Key = x[1].Values,
                    Value = x[2].Values,
                    Scale = 1,
                    Mask = (_, _, query, key) => key <= query + 4,
                },
                Array.ConvertAll(x[3].Values, number => 7 / (1 + Math.Exp(-number))), 3, true)
            {
                KeyLengths = s_window.KeyLengths,
            };
            return x[0].With(LocalAttentionLoops<double>.Run(problem).Output.Sums, s_shape.OutputLengths);
        }
    }

    /// <summary>Inputs that nobody wants the gradient of have none, and the others have the same.</summary>
    [Fact]
    public void UnwatchedInputs_HaveNoGradient()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 3, true);
        float[] all = Gradient(static (tape, tensor) => tape.Watch(tensor));
        float[] alone = Gradient(static (_, tensor) => Variable.Constant(tensor));

        Tolerance.SameBits("gradient of the position", alone, all);

        float[] Gradient(Func<Tape, DeviceTensor, Variable> input)
        {
            IComputeBackend backend = CpuBackend.Shared;
            using var tape = new Tape();
            using Variable query = input(tape, DeviceTensor.Create(backend, problem.Attention.Query, s_shape.QueryLengths));
            using Variable key = input(tape, DeviceTensor.Create(backend, problem.Attention.Key, s_shape.KeyLengths));
            using Variable value = input(tape, DeviceTensor.Create(backend, problem.Attention.Value, s_shape.ValueLengths));
            using Variable position = tape.Watch(DeviceTensor.Create(backend, problem.Position, 2, 5));
            using Variable output = Differentiable.LocalAttention(query, key, value, position, s_window, default(NoMask));
            using DeviceTensor gradient = DeviceTensor.Create(backend, problem.Attention.OutputGradient!, s_shape.OutputLengths);
            tape.Backward(output, gradient);
            return position.Gradient!.ToArray();
        }
    }

    /// <summary>Dropout falls anew at every call of a tape that trains, and the way back drops the same.</summary>
    [Fact]
    public void Dropout_OnlyWhileTraining()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 3, true);
        float[] plain = Output(new Tape(1, isTraining: false), 0);
        Tolerance.SameBits("output", Output(new Tape(1, isTraining: false), 0.5f), plain);
        Output(new Tape(1), 0.5f).Should().NotEqual(plain);
        Tolerance.SameBits("same seed", Output(new Tape(1), 0.5f), Output(new Tape(1), 0.5f));

        float[] Output(Tape tape, float dropout)
        {
            using Tape used = tape;
            using Variable query = tape.Watch(DeviceTensor.Create(CpuBackend.Shared, problem.Attention.Query, s_shape.QueryLengths));
            using Variable key = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, problem.Attention.Key, s_shape.KeyLengths));
            using Variable value = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, problem.Attention.Value, s_shape.ValueLengths));
            using Variable position = tape.Constant(DeviceTensor.Create(CpuBackend.Shared, problem.Position, 2, 5));
            using Variable output = Differentiable.LocalAttention(
                query, key, value, position, s_window, default(NoMask), new AttentionOptions { Dropout = dropout });
            return output.Data.ToArray();
        }
    }
}
