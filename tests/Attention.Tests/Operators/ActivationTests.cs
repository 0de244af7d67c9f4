using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Activations and their gradients against double, and the derivatives of the reference against differences.</summary>
public class ActivationTests
{
    private static readonly ActivationKind[] s_kinds = Enum.GetValues<ActivationKind>();

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Forward_AgreesWithDouble(SimdWidth width)
    {
        ForEachCase((kind, shape, spread, values, what) =>
        {
            using OperatorTensor input = new(values, spread, shape);
            using OperatorTensor output = new(new float[values.Length], Spread.Rows, shape);

            Activation.Forward(kind, input.Read, output.Write, 2, width);

            double[] expected = Array.ConvertAll(values, x => OperatorLoops.Activate(kind, (double)x));
            float[] plain = Array.ConvertAll(values, x => OperatorLoops.Activate(kind, x));
            Tolerance.Mechanism(what, output.Values, expected, plain, Largest(expected), values.Length);
            output.GapsAreUntouched().Should().BeTrue(what);
        });
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Backward_AgreesWithDouble(SimdWidth width)
    {
        ForEachCase((kind, shape, spread, values, what) =>
        {
            foreach (float beta in new[] { 0f, 1f, -0.5f })
            {
                float[] slopes = Random(values.Length, 9);
                float[] before = beta == 0 ? Enumerable.Repeat(float.NaN, values.Length).ToArray() : Random(values.Length, 10);
                using OperatorTensor input = new(values, spread, shape);
                using OperatorTensor outputGradient = new(slopes, Spread.Rows, shape);
                using OperatorTensor inputGradient = new(before, Spread.Contiguous, shape);

                Activation.Backward(kind, input.Read, outputGradient.Read, inputGradient.Write, beta, 2, width);

                double[] expected = new double[values.Length];
                float[] plain = new float[values.Length];
                for (int i = 0; i < values.Length; i++)
                {
                    expected[i] = OperatorLoops.ActivateDerivative(kind, (double)values[i]) * slopes[i] + (beta == 0 ? 0 : beta * (double)before[i]);
                    plain[i] = OperatorLoops.ActivateDerivative(kind, values[i]) * slopes[i] + (beta == 0 ? 0 : beta * before[i]);
                }

                Tolerance.Mechanism($"{what}, beta {beta}", inputGradient.Values, expected, plain, Largest(expected), values.Length);
            }
        });
    }

    [Fact]
    public void Derivatives_AgreeWithDifferences()
    {
        foreach (ActivationKind kind in s_kinds)
        {
            double[] points = [-7.1, -3, -1.7, -0.9, -0.2, 0.15, 0.4, 1.1, 2.3, 3.9, 8];
            double[] numerical = FiniteDifferences.Gradient(points, () => points.Sum(x => OperatorLoops.Activate(kind, x)));
            Tolerance.Differences(kind.ToString(), Array.ConvertAll(points, x => OperatorLoops.ActivateDerivative(kind, x)), numerical);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void LimitsAndNaN_AreKept(SimdWidth width)
    {
        const float Infinity = float.PositiveInfinity;
        foreach (ActivationKind kind in s_kinds)
        {
            bool isBounded = kind is ActivationKind.Sigmoid or ActivationKind.Tanh;
            float lowest = kind == ActivationKind.Tanh ? -1 : 0;
            foreach (float far in new[] { Infinity, 1e30f, 300f })
            {
                // Both in a vector and among what is left over.
                float[] values = Enumerable.Range(0, 34).Select(i => (i % 3) switch { 0 => far, 1 => -far, _ => float.NaN }).ToArray();
                using OperatorTensor input = new(values, 34);
                using OperatorTensor output = new(values, 34);
                Activation.Forward(kind, input.Read, output.Write, 1, width);
                float[] expected = Array.ConvertAll(values, x => float.IsNaN(x) ? x : x > 0 ? (isBounded ? 1 : x) : lowest);
                output.Values.Should().Equal(expected, (a, b) => a.Equals(b) || a == b, $"{kind} of {far}");

                output.Set(Enumerable.Repeat(1f, 34).ToArray());
                Activation.Backward(kind, input.Read, output.Read, output.Write, 0, 1, width);
                expected = Array.ConvertAll(values, x => float.IsNaN(x) ? x : x > 0 && !isBounded ? 1f : 0f);
                output.Values.Should().Equal(expected, (a, b) => a.Equals(b) || a == b, $"derivative of {kind} at {far}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Output_MayBeTheInput(SimdWidth width)
    {
        foreach (ActivationKind kind in s_kinds)
        {
            float[] values = Random(53, 1);
            using OperatorTensor input = new(values, 53);
            using OperatorTensor output = new(values, 53);
            Activation.Forward(kind, input.Read, output.Write, 1, width);
            Activation.Forward(kind, input.Read, input.Write, 1, width);
            Tolerance.SameBits(kind.ToString(), input.Values, output.Values);
        }
    }

    [Fact]
    public void ReluHasNoSlopeAtZero()
    {
        using OperatorTensor input = new([0f, -0f, 1e-40f], 3);
        using OperatorTensor gradient = new([5, 5, 5], 3);
        Activation.Backward(ActivationKind.Relu, input.Read, gradient.Read, gradient.Write);
        gradient.Values.Should().Equal(0, 0, 5);
    }

    private static void ForEachCase(Action<ActivationKind, nint[], Spread, float[], string> check)
    {
        foreach (ActivationKind kind in s_kinds)
        {
            foreach (nint[] shape in (nint[][])[[1], [3], [16], [70], [5, 67], [1003]])
            {
                foreach (Spread spread in new[] { Spread.Contiguous, Spread.Turned, Spread.Everywhere })
                {
                    foreach (float size in new[] { 0.05f, 1f, 4f })
                    {
                        float[] values = [.. Random(shape, 8).Select(value => value * size)];
                        check(kind, shape, spread, values, $"{kind}, {spread}, [{string.Join(", ", shape)}], size {size}");
                    }
                }
            }
        }
    }

    /// <summary>What rounding an element once does, no less than at the size of the functions' constants.</summary>
    private static double Largest(double[] expected) => Math.Max(1, expected.Max(Math.Abs));
}
