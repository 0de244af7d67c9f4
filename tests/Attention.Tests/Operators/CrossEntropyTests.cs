using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Cross entropy, forward and backward, against double.</summary>
public class CrossEntropyTests
{
    private static readonly (int Rows, int Classes)[] s_shapes = [(1, 1), (1, 2), (5, 3), (4, 16), (7, 17), (3, 65), (2, 1000), (0, 4), (40, 700)];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void LossAndGradient_AgreeWithDouble(SimdWidth width)
    {
        foreach ((int rows, int classes) in s_shapes)
        {
            foreach ((float size, float center) in new[] { (1f, 0f), (20f, 0f), (1f, 500f) })
            {
                foreach (float smoothing in new[] { 0f, 0.1f, 1f })
                {
                    foreach (float beta in new[] { 0f, -0.5f })
                    {
                        Verify(rows, classes, size, center, smoothing, beta, width);
                    }
                }
            }
        }
    }

    [Fact]
    public void TheReference_AgreesWithDifferences()
    {
        foreach (double smoothing in new[] { 0, 0.1, 1 })
        {
            double[] row = Array.ConvertAll(Random(7, 1), x => (double)x);
            double[] gradient = new double[7];
            OperatorLoops.CrossEntropy(row, 3, smoothing, gradient);
            double[] unused = new double[7];
            Tolerance.Differences("gradient", gradient, FiniteDifferences.Gradient(row, () => OperatorLoops.CrossEntropy<double>(row, 3, smoothing, unused)));
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void AnIgnoredRow_IsNotLookedAt(SimdWidth width)
    {
        float[] values = Random(3 * 37, 1);
        values.AsSpan(37, 37).Fill(float.NaN);
        float[] before = Random(3 * 37, 2);
        using OperatorTensor logits = new(values, 3, 37);
        using OperatorTensor gradient = new(before, 3, 37);
        float[] losses = [9, 9, 9];

        CrossEntropy.Forward(logits.Read, [4, CrossEntropy.Ignored, 36], losses, 0.1f, 1, width);
        CrossEntropy.Backward(logits.Read, [4, CrossEntropy.Ignored, 36], [1, float.NaN, 1], gradient.Write, 0.1f, 2f, 1, width);

        losses[1].Should().Be(0);
        losses.Should().NotContain(float.NaN);
        Tolerance.SameBits("gradient", gradient.Values.AsSpan(37, 37), before.AsSpan(37, 37).ToArray().Select(x => 2 * x).ToArray());
        gradient.Values.Should().NotContain(float.NaN);

        CrossEntropy.Backward(logits.Read, [4, CrossEntropy.Ignored, 36], [1, float.NaN, 1], gradient.Write, 0.1f, 0f, 1, width);
        gradient.Values[37..74].Should().OnlyContain(x => x == 0);
    }

    [Fact]
    public void ImpossibleClasses_AreCounted()
    {
        const float Never = float.NegativeInfinity;
        using OperatorTensor logits = new([Never, 1, 1, Never, 0, Never, Never, Never, Never], 3, 3);
        using OperatorTensor gradient = new(new float[9], 3, 3);
        float[] losses = new float[3];

        CrossEntropy.Forward(logits.Read, [1, 0, 2], losses);
        CrossEntropy.Backward(logits.Read, [1, 0, 2], [1, 1, 1], gradient.Write);

        losses[0].Should().BeApproximately(MathF.Log(2), 1e-6f);
        losses[1].Should().Be(float.PositiveInfinity);
        losses[2].Should().Be(float.NaN);
        gradient.Values.Should().Equal(0, -0.5f, 0.5f, -1, 1, 0, float.NaN, float.NaN, float.NaN);
    }

    [Fact]
    public void TheGradient_MayReplaceTheScores()
    {
        using OperatorTensor logits = new(Random(5 * 21, 1), 5, 21);
        using OperatorTensor gradient = new(new float[5 * 21], 5, 21);
        int[] targets = [0, 20, 3, -1, 7];
        float[] slopes = Random(5, 2);
        CrossEntropy.Backward(logits.Read, targets, slopes, gradient.Write);
        CrossEntropy.Backward(logits.Read, targets, slopes, logits.Write);
        Tolerance.SameBits("in place", logits.Values, gradient.Values);
    }

    private static void Verify(int rows, int classes, float size, float center, float smoothing, float beta, SimdWidth width)
    {
        float[] values = [.. Random(rows * classes, 1).Select(x => x * size + center)];
        int[] targets = [.. Enumerable.Range(0, rows).Select(row => row * 7 % classes)];
        float[] slopes = Random(rows, 2);
        float[] before = beta == 0 ? Enumerable.Repeat(float.NaN, values.Length).ToArray() : Random(values.Length, 3);
        using OperatorTensor logits = new(values, Spread.Rows, rows, classes);
        using OperatorTensor gradient = new(before, Spread.Rows, rows, classes);
        using GuardedBuffer losses = new(rows);

        CrossEntropy.Forward(logits.Read, targets, losses.Span, smoothing, 2, width);
        CrossEntropy.Backward(logits.Read, targets, slopes, gradient.Write, smoothing, beta, 2, width);

        double[] expected = new double[rows], expectedGradient = new double[values.Length], wideRow = new double[classes];
        float[] plain = new float[rows], plainGradient = new float[values.Length], row = new float[classes];
        double largest = 1;
        double steepest = 1;
        for (int i = 0; i < rows; i++)
        {
            float[] scores = values[(i * classes)..((i + 1) * classes)];
            expected[i] = OperatorLoops.CrossEntropy<double>(Array.ConvertAll(scores, x => (double)x), targets[i], smoothing, wideRow);
            plain[i] = OperatorLoops.CrossEntropy<float>(scores, targets[i], smoothing, row);
            largest = Math.Max(largest, expected[i] + scores.Max() - scores.Min());
            steepest = Math.Max(steepest, Math.Abs(slopes[i]));
            for (int j = 0; j < classes; j++)
            {
                int place = i * classes + j;
                expectedGradient[place] = wideRow[j] * slopes[i] + (beta == 0 ? 0 : (double)beta * before[place]);
                plainGradient[place] = row[j] * slopes[i] + (beta == 0 ? 0 : beta * before[place]);
            }
        }

        string what = $"[{rows}, {classes}], size {size}, center {center}, smoothing {smoothing}, beta {beta}";
        Tolerance.Mechanism($"loss of {what}", losses.Span, expected, plain, largest, rows);
        Tolerance.Mechanism($"gradient of {what}", gradient.Values, expectedGradient, plainGradient, 3 * steepest, rows);
        gradient.GapsAreUntouched().Should().BeTrue(what);
    }
}
