using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;
using Attention.Tests.Golden;

namespace Attention.Tests.Mechanisms;

/// <summary>Normalisers over rows that are given, against plain loops in double.</summary>
public class RowNormalizationTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    public static TheoryData<string> AllNormalizers => [.. NormalizerCase.All.Select(normalizer => normalizer.Name)];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Rows_AreTheReference(SimdWidth width)
    {
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            foreach (int length in ShapeCases.Lengths.Append(1000))
            {
                Random random = new(length);
                float[] scores = AttentionProblems.Normal(random, length, length % 2 == 0 ? 3 : 0.3f);
                NormalizerRows.Check(normalizer, scores, AttentionProblems.Normal(random, length), width);
            }
        }
    }

    /// <summary>The gradient of the reference, which the others are compared with, is that of differences.</summary>
    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void TheReference_HasTheGradientsOfDifferences(string name)
    {
        NormalizerReference reference = Find(name).Reference;
        double[] scores = [0.3, -0.2, 0.75, 0.5, -3, 0.1, 0.11];
        double[] gradient = AttentionProblems.Wave(3, scores.Length);

        double[] numerical = FiniteDifferences.Gradient(
            scores, () => reference.Weights(scores).Zip(gradient, (weight, factor) => weight * factor).Sum());

        Tolerance.Differences(name, reference.Gradient(reference.Weights(scores), gradient), numerical);
    }

    [Fact]
    public void GoldenNumbers_AreMet()
    {
        float[] scores = Array.ConvertAll(AttentionProblems.Wave(41, 5), number => (float)number);
        Tolerance.Golden("sparsemax", Weights("sparsemax", scores), GoldenNormalizers.Numbers("sparsemax"));
        Tolerance.Golden("entmax 1.5", Weights("entmax 1.5", scores), GoldenNormalizers.Numbers("entmax15"));
    }

    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void Lengths_AreRowsOfTheirOwn(string name)
    {
        const int Length = 37;
        int[] lengths = [0, 1, 5, 16, 36, 37];
        float[] scores = AttentionProblems.Normal(new Random(3), lengths.Length * Length);
        float[] gradient = AttentionProblems.Normal(new Random(4), scores.Length);
        for (int row = 0; row < lengths.Length; row++)
        {
            scores.AsSpan(row * Length, Length)[lengths[row]..].Fill(float.NaN);
            gradient.AsSpan(row * Length, Length)[lengths[row]..].Fill(float.NaN);
        }

        (float[] weights, float[] result) = NormalizerRows.Run(Find(name), scores, gradient, Length, lengths);

        for (int row = 0; row < lengths.Length; row++)
        {
            float[] few = scores.AsSpan(row * Length, lengths[row]).ToArray();
            (float[] alone, float[] aloneGradient) = NormalizerRows.Run(Find(name), few, gradient.AsSpan(row * Length, lengths[row]).ToArray(), few.Length);
            Tolerance.SameBits("weights", weights.AsSpan(row * Length, lengths[row]), alone);
            Tolerance.SameBits("gradient", result.AsSpan(row * Length, lengths[row]), aloneGradient);
            Tolerance.SameBits("padding", weights.AsSpan(row * Length, Length)[lengths[row]..], new float[Length - lengths[row]]);
            Tolerance.SameBits("padding", result.AsSpan(row * Length, Length)[lengths[row]..], new float[Length - lengths[row]]);
        }
    }

    /// <summary>Hidden keys between others, with NaN as their scores: the rest is what it is alone.</summary>
    [Theory]
    [MemberData(nameof(AllNormalizers))]
    public void Masks_LeaveTheRestAlone(string name)
    {
        const int Keys = 70;
        AttentionShape shape = new(2, 3, 3, 5, Keys, 1, 1);
        float[] scores = AttentionProblems.Normal(new Random(5), shape.ScoreCount);
        CheckerboardMask mask = default;
        for (int i = 0; i < scores.Length; i++)
        {
            int row = i / Keys;
            scores[i] = mask.Allows(row / 15, row / 5 % 3, row % 5, i % Keys) ? scores[i] : float.NaN;
        }

        using TestOperand source = TestOperand.Create(true, shape.ScoreLengths, scores);
        using TestOperand weights = TestOperand.Create(true, shape.ScoreLengths);

        Find(name).Pairs(source.Read(), mask, weights.Write(), default);

        float[] result = weights.Gather();
        for (int row = 0; row < shape.RowCount; row++)
        {
            float[] allowed = [.. scores.AsSpan(row * Keys, Keys).ToArray().Where(score => !float.IsNaN(score))];
            float[] expected = NormalizerRows.Run(Find(name), allowed, new float[allowed.Length], allowed.Length).Weights;
            int next = 0;
            for (int key = 0; key < Keys; key++)
            {
                float wanted = float.IsNaN(scores[(row * Keys) + key]) ? 0 : expected[next++];
                result[(row * Keys) + key].Should().Be(wanted);
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Extremes_StayFinite(SimdWidth width)
    {
        float[][] rows =
        [
            [1e4f, -1e4f, 9999.5f, 0],
            [3e38f, -3e38f, 1, 2],
            [1e-40f, 0, -1e-40f, 2e-45f],
            [float.NegativeInfinity, 2, float.NegativeInfinity, 1.5f],
            [.. Enumerable.Repeat(0.5f, 33)],
        ];
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            foreach (float[] row in rows)
            {
                (float[] weights, float[] gradient) = NormalizerRows.Run(normalizer, row, new float[row.Length], row.Length, width: width);
                weights.Should().OnlyContain(weight => weight >= 0 && weight <= 1, normalizer.Name);
                gradient.Should().OnlyContain(number => number == 0, normalizer.Name);
                if (normalizer.Name != "sigmoid")
                {
                    weights.Sum().Should().BeApproximately(1, 1e-6f, normalizer.Name);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void NaN_MakesTheRowNaN_AndNothingButMinusInfinityZeros(SimdWidth width)
    {
        foreach (NormalizerCase normalizer in NormalizerCase.All.Where(normalizer => normalizer.Name != "sigmoid"))
        {
            for (int place = 0; place < 18; place++)
            {
                float[] scores = new float[18];
                scores[place] = float.NaN;
                NormalizerRows.Run(normalizer, scores, new float[18], 18, width: width).Weights
                    .Should().OnlyContain(weight => float.IsNaN(weight), $"{normalizer.Name} {place}");
            }

            float[] nothing = [.. Enumerable.Repeat(float.NegativeInfinity, 18)];
            (float[] weights, float[] gradient) = NormalizerRows.Run(normalizer, nothing, [.. Enumerable.Repeat(1f, 18)], 18, width: width);
            weights.Should().OnlyContain(weight => weight == 0, normalizer.Name);
            gradient.Should().OnlyContain(number => number == 0, normalizer.Name);
        }
    }

    [Fact]
    public void Sparsemax_GivesExactZerosFromAGapOfOne()
    {
        Weights("sparsemax", [2, 1, 0.99f, -5]).Should().Equal(1, 0, 0, 0);
        Weights("hardmax", [1, 3, 3, 2]).Should().Equal(0, 1, 0, 0);
        Weights("hardmax", [-0f, 0f, -1]).Should().Equal(1, 0, 0);
        Weights("top 5", [1, 1, 1, 1, 1, 1, 1, 0]).Should().Equal(0.2f, 0.2f, 0.2f, 0.2f, 0.2f, 0, 0, 0);
    }

    /// <summary>Entmax goes over into softmax as alpha falls to 1, without losing digits on the way.</summary>
    [Theory]
    [InlineData(1e-2, 1e-2)]
    [InlineData(1e-4, 1e-4)]
    [InlineData(2e-7, 1e-6)]
    public void Entmax_GoesOverIntoSoftmax(double step, double distance)
    {
        float[] scores = AttentionProblems.Normal(new Random(6), 100);
        float[] softmax = Weights("softmax", scores);
        float[] entmax = new float[100];

        new EntmaxNormalizer((float)(1 + step)).Normalize<SimdScalar, float>(scores, entmax);

        entmax.Zip(softmax, (left, right) => Math.Abs(left - right)).Max().Should().BeLessThan((float)distance);
    }

    [Theory]
    [InlineData(1.0)]
    [InlineData(1.00005)]
    [InlineData(1.01)]
    [InlineData(1.4)]
    [InlineData(1.5)]
    [InlineData(1.9)]
    public void TheGradientByAlpha_IsThatOfDifferences(double alpha)
    {
        // Away from alpha = 1 in steps that the bisection resolves; on both sides of the kink at 1 there is only one side.
        const double Step = 1e-5;
        double[] scores = [0.3, -0.2, 0.75, 0.5, 0.1, 0.11];
        double[] gradient = AttentionProblems.Wave(3, scores.Length);
        double low = Math.Max(alpha - Step, 1 + Step);
        double[] above = new NormalizerReference(NormalizerKind.Entmax, low + (2 * Step)).Weights(scores);
        double[] below = new NormalizerReference(NormalizerKind.Entmax, low).Weights(scores);
        double expected = above.Zip(below, (left, right) => (left - right) / (2 * Step)).Zip(gradient, (slope, factor) => slope * factor).Sum();
        float[] weights = Array.ConvertAll(new NormalizerReference(NormalizerKind.Entmax, alpha).Weights(scores), weight => (float)weight);

        double actual = new EntmaxNormalizer((float)alpha).AlphaGradient(weights, Array.ConvertAll(gradient, number => (float)number));

        actual.Should().BeApproximately(expected, 1e-3 * (1 + Math.Abs(expected)));
    }

    [Fact]
    public void Threads_ChangeNoBit()
    {
        float[] scores = AttentionProblems.Normal(new Random(7), 301 * 211);
        float[] gradient = AttentionProblems.Normal(new Random(8), scores.Length);
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            (float[] weights, float[] result) = NormalizerRows.Run(normalizer, scores, gradient, 211, threads: 1);
            foreach (int threads in (int[])[2, 3, 7])
            {
                (float[] others, float[] otherGradients) = NormalizerRows.Run(normalizer, scores, gradient, 211, threads: threads);
                Tolerance.SameBits(normalizer.Name, others, weights);
                Tolerance.SameBits(normalizer.Name, otherGradients, result);
            }
        }
    }

    private static NormalizerCase Find(string name) => NormalizerCase.All.Single(normalizer => normalizer.Name == name);

    private static float[] Weights(string name, float[] scores) =>
        NormalizerRows.Run(Find(name), scores, new float[scores.Length], scores.Length).Weights;
}
