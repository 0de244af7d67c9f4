using Attention.Autodiff;
using Attention.Backends;
using Attention.TestKit;

namespace Attention.Tests.Autodiff;

/// <summary>
/// Compares what a tape gives with the same formula in double: the result, and the gradient of every input by central
/// differences.
/// </summary>
internal static class GradientCheck
{
    /// <summary>Inputs of these shapes are watched.</summary>
    public static void Run(Func<Variable[], Variable> compute, Func<PlainTensor[], PlainTensor> formula, params nint[][] shapes) =>
        Run(compute, formula, CpuBackend.Shared, shapes);

    /// <summary>Inputs of these shapes are watched, on a backend.</summary>
    public static void Run(
        Func<Variable[], Variable> compute, Func<PlainTensor[], PlainTensor> formula, IComputeBackend backend, params nint[][] shapes)
    {
        Random random = new(3);
        PlainTensor[] values = [.. shapes.Select(shape => new PlainTensor(AttentionProblems.Normal(random, PlainTensor.Count(shape)), shape))];
        using var tape = new Tape();
        Variable[] inputs = [.. values.Select(value => tape.Watch(DeviceTensor.Create(backend, value.Floats, value.Lengths)))];
        using Variable output = compute(inputs);

        PlainTensor expected = formula(values);
        output.Data.Lengths.ToArray().Should().Equal(expected.Lengths);
        Tolerance.Golden("result", output.Data.ToArray(), expected.Values);

        float[] weights = AttentionProblems.Normal(random, expected.Values.Length);
        using DeviceTensor gradient = DeviceTensor.Create(backend, weights, expected.Lengths);
        tape.Backward(output, gradient);
        for (int i = 0; i < inputs.Length; i++)
        {
            double[] numerical = FiniteDifferences.Gradient(values[i].Values, () => Weigh(formula(values).Values, weights));
            Tolerance.Golden($"gradient of input {i}", Gradient(inputs[i]), numerical);
            inputs[i].Dispose();
        }
    }

    /// <summary>The gradient of a variable; an input that nothing depends on has none, which is zero.</summary>
    public static float[] Gradient(Variable variable) => variable.Gradient?.ToArray() ?? new float[variable.Data.Count];

    private static double Weigh(double[] values, float[] weights)
    {
        double sum = 0;
        for (int i = 0; i < values.Length; i++)
        {
            sum += values[i] * weights[i];
        }

        return sum;
    }
}
