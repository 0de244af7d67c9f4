using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Several steps of each optimiser against double.</summary>
public class OptimizerStepTests
{
    private const int Steps = 4;

    private static readonly nint[][] s_shapes = [[1], [7], [16], [67], [5, 33], [3, 1, 130]];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Adam_AgreesWithDouble(SimdWidth width)
    {
        foreach (nint[] shape in s_shapes)
        {
            foreach (Spread spread in Spreads)
            {
                foreach ((float decay, float scale, float epsilon) in new[] { (0f, 1f, 1e-8f), (0.1f, 0.25f, 1e-3f) })
                {
                    int count = Count(shape);
                    float[] start = Random(count, 1);
                    using OperatorTensor parameter = new(start, spread, shape);
                    using OperatorTensor first = new(new float[count], spread, shape);
                    using OperatorTensor second = new(new float[count], Spread.Contiguous, shape);
                    double[] expected = Array.ConvertAll(start, x => (double)x), expectedFirst = new double[count], expectedSecond = new double[count];
                    float[] plain = [.. start], plainFirst = new float[count], plainSecond = new float[count];
                    for (int step = 1; step <= Steps; step++)
                    {
                        float[] slopes = Random(count, 10 + (ulong)step);
                        using OperatorTensor gradient = new(slopes, Spread.Rows, shape);

                        OptimizerStep.Adam(
                            parameter.Write, gradient.Read, first.Write, second.Write,
                            new AdamStep(0.03f, 0.9f, 0.999f, epsilon, decay, scale, step), 2, width);

                        OptimizerLoops.Adam(expected, slopes, expectedFirst, expectedSecond, 0.03f, 0.9f, 0.999f, epsilon, decay, scale, step);
                        OptimizerLoops.Adam(plain, slopes, plainFirst, plainSecond, 0.03f, 0.9f, 0.999f, epsilon, decay, scale, step);
                    }

                    string what = $"{spread}, [{string.Join(", ", shape)}], decay {decay}";
                    Tolerance.Mechanism(what, parameter.Values, expected, plain, Steps * 4, count);
                    Tolerance.Mechanism($"first of {what}", first.Values, expectedFirst, plainFirst, Steps, count);
                    Tolerance.Mechanism($"second of {what}", second.Values, expectedSecond, plainSecond, Steps * 0.02, count);
                    (parameter.GapsAreUntouched() && first.GapsAreUntouched()).Should().BeTrue(what);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Momentum_AgreesWithDouble(SimdWidth width)
    {
        foreach (nint[] shape in s_shapes)
        {
            foreach (Spread spread in Spreads)
            {
                foreach ((bool hasVelocity, bool nesterov, float decay) in new[] { (true, false, 0f), (true, true, 0.1f), (false, false, 0.2f) })
                {
                    int count = Count(shape);
                    float[] start = Random(count, 1);
                    using OperatorTensor parameter = new(start, spread, shape);
                    using OperatorTensor velocity = new(new float[count], Spread.Reversed, shape);
                    double[] expected = Array.ConvertAll(start, x => (double)x), expectedVelocity = new double[count];
                    float[] plain = [.. start], plainVelocity = new float[count];
                    for (int step = 1; step <= Steps; step++)
                    {
                        float[] slopes = Random(count, 10 + (ulong)step);
                        using OperatorTensor gradient = new(slopes, Spread.Rows, shape);

                        OptimizerStep.Momentum(
                            parameter.Write, gradient.Read, hasVelocity ? velocity.Write : default, 0.1f, 0.8f, nesterov, decay, 0.5f, 2, width);

                        OptimizerLoops.Momentum(expected, slopes, hasVelocity ? expectedVelocity : null, 0.1f, 0.8f, nesterov, decay, 0.5f);
                        OptimizerLoops.Momentum(plain, slopes, hasVelocity ? plainVelocity : null, 0.1f, 0.8f, nesterov, decay, 0.5f);
                    }

                    string what = $"{spread}, [{string.Join(", ", shape)}], velocity {hasVelocity}, nesterov {nesterov}";
                    Tolerance.Mechanism(what, parameter.Values, expected, plain, Steps * 4, count);
                    Tolerance.Mechanism($"velocity of {what}", velocity.Values, expectedVelocity, plainVelocity, Steps * 3, count);
                    parameter.GapsAreUntouched().Should().BeTrue(what);
                }
            }
        }
    }

    // With both corrections the first step goes by the learning rate against the sign of the gradient, however large that is.
    [Fact]
    public void TheFirstStepOfAdam_GoesByTheLearningRate()
    {
        using OperatorTensor parameter = new([1, 1, 1], 3);
        using OperatorTensor gradient = new([1e-3f, -40, 7], 3);
        using OperatorTensor first = new([0, 0, 0], 3);
        using OperatorTensor second = new([0, 0, 0], 3);
        OptimizerStep.Adam(parameter.Write, gradient.Read, first.Write, second.Write, new AdamStep(0.125f, 0.9f, 0.999f, 0, 0, 1, 1));
        Tolerance.Reordered("parameter", parameter.Values, [0.875f, 1.125f, 0.875f], 4);
    }
}
