using Attention.Mechanisms;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>The doubly stochastic penalty and its gradient against plain loops in double.</summary>
public class DoublyStochasticPenaltyTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void PenaltyAndGradient_AreTheReference(SimdWidth width)
    {
        foreach ((int heads, int steps, int keys) in new[] { (1, 1, 1), (2, 3, 5), (1, 7, 16), (3, 2, 37), (1, 4, 0), (1, 0, 4), (1, 300, 131) })
        {
            nint[] lengths = [2, heads, steps, keys];
            float[] weights = [.. AttentionProblems.Normal(new Random(1), 2 * heads * steps * keys).Select(x => MathF.Abs(x) / 5)];
            int[] stepCounts = [steps, steps / 2];
            int[] keyCounts = [keys, (keys + 1) / 2];
            float[] penalties = new float[2];
            float[] gradient = new float[weights.Length];
            DoublyStochasticPenalty.Forward(new(weights, lengths, []), stepCounts, keyCounts, new(penalties), new() { Width = width });
            DoublyStochasticPenalty.Backward(
                new(weights, lengths, []), stepCounts, keyCounts, new([1f, -2]), new(gradient, lengths, []), new() { Width = width });

            double[] numbers = Array.ConvertAll(weights, x => (double)x);
            (double[] exact, double[] exactGradient) = Loops(numbers, heads, steps, keys, stepCounts, keyCounts);
            Tolerance.Golden("penalties", penalties, exact);
            Tolerance.Golden("gradient", gradient, exactGradient);
        }
    }

    [Fact]
    public void TheReference_HasTheGradientOfDifferences()
    {
        double[] weights = AttentionProblems.Wave(5, 2 * 2 * 3 * 5);
        int[] steps = [3, 2];
        int[] keys = [5, 4];
        double[] gradient = Loops(weights, 2, 3, 5, steps, keys).Gradient;
        Tolerance.Differences("weights", gradient, FiniteDifferences.Gradient(weights, () =>
        {
            double[] penalties = Loops(weights, 2, 3, 5, steps, keys).Penalties;
            return penalties[0] - 2 * penalties[1];
        }));
    }

    [Fact]
    public void ItIsZero_WhereEveryKeyGetsATotalOfOne()
    {
        float[] weights = [0.25f, 0.75f, 0.75f, 0.25f];
        float[] penalties = new float[1];
        DoublyStochasticPenalty.Forward(new(weights, [1, 1, 2, 2], []), [], [], new(penalties));
        penalties.Should().Equal(0);
        weights[0] = 0.5f;
        DoublyStochasticPenalty.Forward(new(weights, [1, 1, 2, 2], []), [], [], new(penalties));
        penalties[0].Should().Be(0.0625f);
    }

    [Fact]
    public void PaddedStepsAndKeys_AreNotLookedAt()
    {
        float[] weights = [0.5f, 0.5f, float.NaN, 0.2f, 0.8f, float.NaN, float.NaN, float.NaN, float.NaN];
        float[] penalties = new float[1];
        float[] gradient = new float[9];
        DoublyStochasticPenalty.Forward(new(weights, [1, 1, 3, 3], []), [2], [2], new(penalties));
        DoublyStochasticPenalty.Backward(new(weights, [1, 1, 3, 3], []), [2], [2], new([1f]), new(gradient, [1, 1, 3, 3], []));
        penalties[0].Should().BeApproximately(0.18f, 1e-6f);
        gradient[2].Should().Be(0);
        gradient[5..].Should().OnlyContain(x => x == 0);
        gradient[0].Should().BeApproximately(-0.6f, 1e-6f);
    }

    [Fact]
    public void Threads_ChangeNoBit()
    {
        nint[] lengths = [5, 2, 60, 131];
        float[] weights = AttentionProblems.Normal(new Random(1), 5 * 2 * 60 * 131);
        float[] expected = [];
        foreach (int threads in new[] { 1, 2, 3, 7 })
        {
            float[] penalties = new float[5];
            float[] gradient = new float[weights.Length];
            AttentionOptions options = new() { MaxDegreeOfParallelism = threads };
            DoublyStochasticPenalty.Forward(new(weights, lengths, []), [], [], new(penalties), options);
            DoublyStochasticPenalty.Backward(new(weights, lengths, []), [], [], new(penalties), new(gradient, lengths, []), options);
            expected = threads == 1 ? [.. penalties, .. gradient] : expected;
            Tolerance.SameBits("results", [.. penalties, .. gradient], expected);
        }
    }

    /// <summary>Weights and their gradient may be views: here steps stand one after the other, the heads of each together, in rows too wide.</summary>
    [Fact]
    public void StridedViews_GiveTheSameBits()
    {
        nint[] lengths = [2, 3, 4, 5];
        Layout layout = Layout.OfPositions(2, 3, 4, 5, rowSize: 20, start: 2);
        float[] weights = AttentionProblems.Normal(new Random(1), 2 * 3 * 4 * 5);
        float[] view = new float[2 * 4 * 20];
        Array.Fill(view, float.NaN);
        layout.Scatter<float>(weights, view);
        float[] gradientView = new float[view.Length];
        Array.Fill(gradientView, 9);
        (float[] penalties, float[] other) = (new float[2], new float[2]);
        float[] gradient = new float[weights.Length];
        DoublyStochasticPenalty.Forward(new(weights, lengths, []), [4, 3], [5, 4], new(penalties));
        DoublyStochasticPenalty.Forward(layout.Read(view), [4, 3], [5, 4], new(other));
        DoublyStochasticPenalty.Backward(new(weights, lengths, []), [4, 3], [5, 4], new([1f, -2]), new(gradient, lengths, []));
        DoublyStochasticPenalty.Backward(layout.Read(view), [4, 3], [5, 4], new([1f, -2]), layout.Write(gradientView));

        Tolerance.SameBits("penalties", other, penalties);
        Tolerance.SameBits("gradient", layout.Gather<float>(gradientView), gradient);
        gradientView.Count(x => x == 9).Should().Be(view.Length - weights.Length);
    }

    /// <summary>A row of NaN where it counts makes its own penalty NaN and no other.</summary>
    [Fact]
    public void NaN_StaysInItsBatchElement()
    {
        float[] weights = [0.5f, float.NaN, 0.2f, 0.8f];
        float[] penalties = new float[2];
        float[] gradient = new float[4];
        DoublyStochasticPenalty.Forward(new(weights, [2, 1, 1, 2], []), [], [], new(penalties));
        DoublyStochasticPenalty.Backward(new(weights, [2, 1, 1, 2], []), [], [], new([1f, 1]), new(gradient, [2, 1, 1, 2], []));

        penalties.Select(float.IsNaN).Should().Equal(true, false);
        gradient.Select(float.IsNaN).Should().Equal(false, true, false, false);
    }

    [Fact]
    public void BadInput_IsRefusedByName()
    {
        float[] weights = new float[12];
        float[] penalties = [7, 7];
        Refuses("weights", [2, 6], [], [], [2]);
        Refuses("steps", [2, 1, 3, 2], [1], [], [2]);
        Refuses("steps", [2, 1, 3, 2], [1, 4], [], [2]);
        Refuses("keys", [2, 1, 3, 2], [], [-1, 1], [2]);
        Refuses("penalties", [2, 1, 3, 2], [], [], [1, 2]);
        penalties.Should().Equal(7, 7);
        FluentActions.Invoking(() => DoublyStochasticPenalty.Backward(
            new(weights, [2, 1, 3, 2], []), [], [], new(penalties), new(weights, [2, 1, 3, 2], []))).Should().Throw<ArgumentException>().WithParameterName("weightsGradient");
        FluentActions.Invoking(() => DoublyStochasticPenalty.Backward(
            new(weights, [2, 1, 3, 2], []), [], [], new(penalties, [1, 2], []), new(new float[12], [2, 1, 3, 2], []))).Should().Throw<ArgumentException>().WithParameterName("penaltiesGradient");
        FluentActions.Invoking(() => DoublyStochasticPenalty.Forward(
            new(weights, [2, 1, 3, 2], []), [], [], new(weights.AsSpan(4, 2)))).Should().Throw<ArgumentException>().WithParameterName("penalties");
        FluentActions.Invoking(() => DoublyStochasticPenalty.Forward(
            new(weights, [2, 1, 3, 2], []), [], [], new(penalties), new() { Scale = 2 })).Should().Throw<ArgumentException>().WithParameterName("options");

        void Refuses(string parameter, nint[] lengths, int[] steps, int[] keys, nint[] penaltyLengths) =>
            FluentActions.Invoking(() => DoublyStochasticPenalty.Forward(new(weights, lengths, []), steps, keys, new(penalties, penaltyLengths, [])))
                .Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private static (double[] Penalties, double[] Gradient) Loops(double[] weights, int heads, int steps, int keys, int[] stepCounts, int[] keyCounts)
    {
        double[] penalties = new double[2];
        double[] gradient = new double[weights.Length];
        for (int head = 0; head < 2 * heads; head++)
        {
            int batch = head / heads;
            for (int key = 0; key < keyCounts[batch]; key++)
            {
                double rest = 1;
                for (int step = 0; step < stepCounts[batch]; step++)
                {
                    rest -= weights[(head * steps + step) * keys + key];
                }

                penalties[batch] += rest * rest;
                for (int step = 0; step < stepCounts[batch]; step++)
                {
                    gradient[(head * steps + step) * keys + key] = -2 * (batch == 0 ? 1 : -2) * rest;
                }
            }
        }

        return (penalties, gradient);
    }
}
