using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Weights of given scores, with and without Gumbel noise, and their gradient, against plain loops in double.</summary>
public class SoftmaxWeightsTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void WeightsAndGradients_AreTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            Check(shape, default(NoMask), Placement.Guarded, width);
            Check(shape, new WindowMask(1, 2, -2), Placement.Positions, width);
            Check(shape, default(CheckerboardMask), default, width);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void GumbelWeights_AreTheReference(SimdWidth width)
    {
        foreach (float temperature in new[] { 0.1f, 1f, 3f })
        {
            Gumbel(new(2, 3, 3, 5, 37, 1, 1), temperature, width);
        }
    }

    [Fact]
    public void ALowTemperature_MakesASample()
    {
        using HardMemory memory = new(new(1, 1, 1, 200, 13, 1, 1));
        float[] oneHot = new float[200 * 13];
        SoftmaxWeights.GumbelForward(
            memory.Scores.Read(), default(NoMask), 1e-6f, 3, memory.ScoresGradient.Write(), new(oneHot, [1, 1, 200, 13], []));
        memory.ScoresGradient.Gather().Should().Equal(oneHot);
        oneHot.Chunk(13).Should().OnlyContain(row => row.Sum() == 1);
    }

    [Fact]
    public void OneHotKeys_AreDrawnAsOftenAsTheyWeigh()
    {
        const int Draws = 40000;
        float[] row = [0.5f, -1, 2, 0, 1];
        double[] weights = new HardAttentionRow<double>(Array.ConvertAll(row, x => (double)x)).Weights;
        float[] scores = [.. Enumerable.Repeat(row, Draws).SelectMany(numbers => numbers)];
        float[] soft = new float[scores.Length];
        float[] oneHot = new float[scores.Length];
        SoftmaxWeights.GumbelForward(
            new(scores, [Draws, 1, 1, 5], []), default(NoMask), 1, 8, new(soft, [Draws, 1, 1, 5], []), new(oneHot, [Draws, 1, 1, 5], []));
        for (int key = 0; key < row.Length; key++)
        {
            double share = Enumerable.Range(0, Draws).Average(draw => (double)oneHot[draw * 5 + key]);
            share.Should().BeApproximately(weights[key], 4 * Math.Sqrt(weights[key] * (1 - weights[key]) / Draws));
        }
    }

    [Fact]
    public void WhatIsHidden_IsNotLookedAt()
    {
        float[] scores = [1, float.NaN, 2, float.PositiveInfinity];
        float[] weights = new float[4];
        float[] gradient = new float[4];
        SoftmaxWeights.Forward(new(scores, [1, 1, 1, 4], []), new EvenKeysMask(), new(weights, [1, 1, 1, 4], []));
        SoftmaxWeights.Backward(new(weights, [1, 1, 1, 4], []), new([1f, float.NaN, 2, float.NaN], [1, 1, 1, 4], []), new(gradient, [1, 1, 1, 4], []));
        (weights[1], weights[3], gradient[1], gradient[3]).Should().Be((0, 0, 0, 0));
        weights.Concat(gradient).Should().OnlyContain(x => float.IsFinite(x));

        SoftmaxWeights.Forward(new(scores, [1, 1, 1, 4], []), default(NoMask), new(weights, [1, 1, 1, 4], []));
        weights.Should().OnlyContain(x => float.IsNaN(x));
    }

    [Fact]
    public void Threads_ChangeNoBit()
    {
        using HardMemory memory = new(new(2, 4, 4, 67, 131, 1, 1));
        float[] expected = [];
        foreach (int threads in new[] { 1, 2, 3, 7 })
        {
            AttentionOptions options = new() { MaxDegreeOfParallelism = threads };
            float[] weights = new float[memory.ScoreValues.Length];
            nint[] lengths = [2, 4, 67, 131];
            SoftmaxWeights.GumbelForward(memory.Scores.Read(), CausalMask.TopLeft, 0.5f, 3, new(weights, lengths, []), default, options);
            SoftmaxWeights.Backward(new(weights, lengths, []), memory.Scores.Read(), memory.ScoresGradient.Write(), 0.5f, options);
            float[] results = [.. weights, .. memory.ScoresGradient.Gather()];
            expected = threads == 1 ? results : expected;
            Tolerance.SameBits("results", results, expected);
        }
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void ATemperatureThatIsNone_IsRefused(float temperature)
    {
        float[] weights = [7, 7];
        FluentActions.Invoking(() => SoftmaxWeights.GumbelForward(
            new([1f, 2], [1, 1, 1, 2], []), default(NoMask), temperature, 1, new(weights, [1, 1, 1, 2], []))).Should().Throw<ArgumentException>().WithParameterName(nameof(temperature));
        weights.Should().Equal(7, 7);
    }

    [Fact]
    public void WrongShapesAndOverlaps_AreRefused()
    {
        float[] numbers = new float[8];
        FluentActions.Invoking(() => SoftmaxWeights.Forward(new([1f, 2], [1, 1, 2], []), default(NoMask), new(numbers, [1, 1, 1, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("scores");
        FluentActions.Invoking(() => SoftmaxWeights.Forward(new([1f, 2], [1, 1, 1, 2], []), default(NoMask), new(numbers, [1, 1, 2, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("weights");
        FluentActions.Invoking(() => SoftmaxWeights.Forward(new(numbers, [1, 1, 2, 2], []), default(NoMask), new(numbers, [1, 1, 2, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("weights");
        FluentActions.Invoking(() => SoftmaxWeights.Backward(new(numbers, [1, 1, 2, 2], []), new(numbers, [1, 1, 2, 2], []), new(numbers, [1, 1, 2, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("scoresGradient");
        FluentActions.Invoking(() => SoftmaxWeights.Forward(new([1f, 2], [1, 1, 1, 2], []), default(NoMask), new(numbers, [1, 1, 1, 2], []), new() { Scale = 2 }))
            .Should().Throw<ArgumentException>().WithParameterName("options");
    }

    private static void Check<TMask>(AttentionShape shape, TMask mask, Placement placement, SimdWidth width)
        where TMask : struct, IAttentionMask
    {
        using HardMemory memory = new(shape, placement);
        using TestOperand weights = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength);
        using TestOperand gradient = TestOperand.Create(
            placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength,
            AttentionProblems.Normal(new Random(7), memory.ScoreValues.Length));
        AttentionOptions options = new() { Width = width };
        SoftmaxWeights.Forward(memory.Scores.Read(), mask, weights.Write(), options);
        SoftmaxWeights.Backward(weights.Read(), gradient.Read(), memory.ScoresGradient.Write(), 1, options);

        int keys = shape.KeyLength;
        float[] slopes = gradient.Gather();
        HardAttentionRow<double>[] exact = [.. Enumerable.Range(0, shape.RowCount).Select(row => memory.Row<double, TMask>(row, mask))];
        HardAttentionRow<float>[] plain = [.. Enumerable.Range(0, shape.RowCount).Select(row => memory.Row<float, TMask>(row, mask))];
        string what = $"{shape} {typeof(TMask).Name} {width}";
        Tolerance.Mechanism(
            $"weights of {what}", weights.Gather(), [.. exact.SelectMany(row => row.Weights)], [.. plain.SelectMany(row => row.Weights)], 2, shape.RowCount);
        Tolerance.Mechanism(
            $"gradient of {what}", memory.ScoresGradient.Gather(),
            [.. exact.SelectMany((row, i) => row.SoftmaxGradient(Array.ConvertAll(slopes[(i * keys)..((i + 1) * keys)], x => (double)x)))],
            [.. plain.SelectMany((row, i) => row.SoftmaxGradient(slopes.AsSpan(i * keys, keys)))],
            4 * slopes.Select(x => Math.Abs((double)x)).DefaultIfEmpty().Max(), shape.RowCount);
    }

    private static unsafe void Gumbel(AttentionShape shape, float temperature, SimdWidth width)
    {
        using HardMemory memory = new(shape);
        TestOperand weights = memory.ScoresGradient;
        SoftmaxWeights.GumbelForward(memory.Scores.Read(), CausalMask.TopLeft, temperature, 9, weights.Write(), default, new() { Width = width });
        double[] exact = new double[memory.ScoreValues.Length];
        float[] plain = new float[exact.Length];
        int keys = shape.KeyLength;
        float* noise = stackalloc float[64];
        for (int row = 0; row < shape.RowCount; row++)
        {
            (int batch, int head, int query) = memory.At(row);
            AttentionRandom.FillGumbel<SimdScalar, float>(9, batch, head, query, keys, noise);
            double[] noisy = new double[keys];
            for (int key = 0; key < keys; key++)
            {
                noisy[key] = ((double)memory.ScoreValues[row * keys + key] + noise[key]) / temperature;
            }

            new HardAttentionRow<double>(noisy, key => key <= query).Weights.CopyTo(exact, row * keys);
            new HardAttentionRow<float>(Array.ConvertAll(noisy, x => (float)x), key => key <= query).Weights.CopyTo(plain, row * keys);
        }

        // Score and noise, up to 20 together, are rounded before they are divided by the temperature.
        Tolerance.Mechanism($"weights at {temperature} {width}", weights.Gather(), exact, plain, 2 + 20 / temperature, 1);
    }

    /// <summary>Hides every odd key.</summary>
    private readonly struct EvenKeysMask : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => key % 2 == 0;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
