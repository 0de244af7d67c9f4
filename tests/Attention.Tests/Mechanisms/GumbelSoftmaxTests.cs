using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Softmax of given scores with Gumbel noise, against plain loops in double.</summary>
public class GumbelSoftmaxTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Weights_AreTheReference(SimdWidth width)
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
        GumbelSoftmax.Forward(
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
        GumbelSoftmax.Forward(
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
        float[] oneHot = new float[4];
        GumbelSoftmax.Forward(new(scores, [1, 1, 1, 4], []), new EvenKeysMask(), 1, 5, new(weights, [1, 1, 1, 4], []), new(oneHot, [1, 1, 1, 4], []));
        (weights[1], weights[3]).Should().Be((0, 0));
        (weights[0] + weights[2]).Should().BeApproximately(1, 1e-6f);
        oneHot.Should().Equal(weights[0] > weights[2] ? [1, 0, 0, 0] : [0, 0, 1, 0]);

        scores[0] = float.NaN;
        GumbelSoftmax.Forward(new(scores, [1, 1, 1, 4], []), new EvenKeysMask(), 1, 5, new(weights, [1, 1, 1, 4], []), new(oneHot, [1, 1, 1, 4], []));
        foreach (float[] row in new[] { weights, oneHot })
        {
            row.Select(float.IsNaN).Should().Equal(true, false, true, false);
            (row[1], row[3]).Should().Be((0, 0));
        }
    }

    [Fact]
    public void ARowWithoutKeys_IsZero()
    {
        float[] weights = [7, 7];
        float[] oneHot = [7, 7];
        GumbelSoftmax.Forward(new([1f, 2], [1, 1, 1, 2], []), new KeyLengthMask(0), 1, 5, new(weights, [1, 1, 1, 2], []), new(oneHot, [1, 1, 1, 2], []));
        weights.Concat(oneHot).Should().OnlyContain(x => x == 0);
        GumbelSoftmax.Forward(new(weights, [1, 1, 2, 0], []), default(NoMask), 1, 5, new(oneHot, [1, 1, 2, 0], []));
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
            GumbelSoftmax.Forward(memory.Scores.Read(), CausalMask.TopLeft, 0.5f, 3, new(weights, lengths, []), default, options);
            expected = threads == 1 ? weights : expected;
            Tolerance.SameBits("weights", weights, expected);
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
        FluentActions.Invoking(() => GumbelSoftmax.Forward(
            new([1f, 2], [1, 1, 1, 2], []), default(NoMask), temperature, 1, new(weights, [1, 1, 1, 2], []))).Should().Throw<ArgumentException>().WithParameterName(nameof(temperature));
        weights.Should().Equal(7, 7);
    }

    [Fact]
    public void WrongShapesAndOverlaps_AreRefused()
    {
        float[] numbers = new float[8];
        FluentActions.Invoking(() => GumbelSoftmax.Forward(new([1f, 2], [1, 1, 2], []), default(NoMask), 1, 1, new(numbers, [1, 1, 1, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("scores");
        FluentActions.Invoking(() => GumbelSoftmax.Forward(new([1f, 2], [1, 1, 1, 2], []), default(NoMask), 1, 1, new(numbers, [1, 1, 2, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("weights");
        FluentActions.Invoking(() => GumbelSoftmax.Forward(new(numbers, [1, 1, 2, 2], []), default(NoMask), 1, 1, new(numbers, [1, 1, 2, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("weights");
        FluentActions.Invoking(() => GumbelSoftmax.Forward(
            new([1f, 2], [1, 1, 1, 2], []), default(NoMask), 1, 1, new(numbers, [1, 1, 1, 2], []), new(numbers, [1, 1, 1, 2], [])))
            .Should().Throw<ArgumentException>().WithParameterName("oneHot");
        FluentActions.Invoking(() => GumbelSoftmax.Forward(
            new([1f, 2], [1, 1, 1, 2], []), default(NoMask), 1, 1, new(numbers, [1, 1, 1, 2], []), default, new() { Scale = 2 }))
            .Should().Throw<ArgumentException>().WithParameterName("options");
    }

    private static unsafe void Gumbel(AttentionShape shape, float temperature, SimdWidth width)
    {
        using HardMemory memory = new(shape);
        TestOperand weights = memory.ScoresGradient;
        GumbelSoftmax.Forward(memory.Scores.Read(), CausalMask.TopLeft, temperature, 9, weights.Write(), default, new() { Width = width });
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
