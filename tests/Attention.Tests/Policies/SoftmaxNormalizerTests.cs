using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;
using Attention.Tests.Mechanisms;

namespace Attention.Tests.Policies;

/// <summary>Softmax of given scores at several temperatures, and its gradient, against plain loops in double.</summary>
public class SoftmaxNormalizerTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void WeightsAndGradients_AreTheReference(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            Check(shape, default(NoMask), default, Placement.Guarded, width);
            Check(shape, new WindowMask(1, 2, -2), new(0.25f), Placement.Positions, width);
            Check(shape, default(CheckerboardMask), new(3), default, width);
        }
    }

    [Fact]
    public void TheDefault_IsATemperatureOf1()
    {
        default(SoftmaxNormalizer).Temperature.Should().Be(1);
        new SoftmaxNormalizer(0.5f).Temperature.Should().Be(0.5f);
        float[] scores = AttentionProblems.Normal(new Random(1), 37);
        float[] expected = new float[37];
        float[] weights = new float[37];
        RowNormalization.Forward(new(scores, [1, 37], []), default, default(SoftmaxNormalizer), new(expected, [1, 37], []));
        RowNormalization.Forward(new(scores, [1, 37], []), default, new SoftmaxNormalizer(1), new(weights, [1, 37], []));
        Tolerance.SameBits("weights", weights, expected);
    }

    [Theory]
    [InlineData(1e-20f)]
    [InlineData(1e20f)]
    public void TheLastTemperatures_GiveAChoiceAndTheMean(float temperature)
    {
        float[] weights = new float[4];
        RowNormalization.Forward(new([3f, -2, 3.5f, 1], [1, 4], []), default, new SoftmaxNormalizer(temperature), new(weights, [1, 4], []));
        weights.Should().Equal(temperature < 1 ? [0, 0, 1, 0] : [0.25f, 0.25f, 0.25f, 0.25f]);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(1e-21f)]
    [InlineData(1e21f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void ATemperatureThatIsNone_IsRefused(float temperature) =>
        FluentActions.Invoking(() => new SoftmaxNormalizer(temperature)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName(nameof(temperature));

    [Fact]
    public void WhatIsHidden_IsNotLookedAt()
    {
        float[] scores = [1, float.NaN, 2, float.PositiveInfinity];
        float[] weights = new float[4];
        float[] gradient = new float[4];
        RowNormalization.Forward(new(scores, [1, 1, 1, 4], []), new EvenKeysMask(), default(SoftmaxNormalizer), new(weights, [1, 1, 1, 4], []));
        RowNormalization.Backward(
            new(scores, [1, 1, 1, 4], []), new(weights, [1, 1, 1, 4], []), new([1f, float.NaN, 2, float.NaN], [1, 1, 1, 4], []), new EvenKeysMask(),
            default(SoftmaxNormalizer), new(gradient, [1, 1, 1, 4], []));
        (weights[1], weights[3], gradient[1], gradient[3]).Should().Be((0, 0, 0, 0));
        weights.Concat(gradient).Should().OnlyContain(x => float.IsFinite(x));
    }

    private static void Check<TMask>(AttentionShape shape, TMask mask, SoftmaxNormalizer normalizer, Placement placement, SimdWidth width)
        where TMask : struct, IAttentionMask
    {
        using HardMemory memory = new(shape, placement);
        using TestOperand weights = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength);
        using TestOperand gradient = TestOperand.Create(
            placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength,
            AttentionProblems.Normal(new Random(7), memory.ScoreValues.Length));
        AttentionOptions options = new() { Width = width };
        RowNormalization.Forward(memory.Scores.Read(), mask, normalizer, weights.Write(), options);
        RowNormalization.Backward(
            memory.Scores.Read(), weights.Read(), gradient.Read(), mask, normalizer, memory.ScoresGradient.Write(), options);

        // Softmax with a temperature is that of scores divided by it, and so is its gradient.
        float temperature = normalizer.Temperature;
        int keys = shape.KeyLength;
        float[] slopes = gradient.Gather();
        double[] exact = new double[slopes.Length];
        float[] plain = new float[slopes.Length];
        double[] exactGradient = new double[slopes.Length];
        float[] plainGradient = new float[slopes.Length];
        for (int row = 0; row < shape.RowCount; row++)
        {
            (int batch, int head, int query) = memory.At(row);
            float[] scores = memory.ScoreValues.AsSpan(row * keys, keys).ToArray();
            float[] through = slopes.AsSpan(row * keys, keys).ToArray();
            HardAttentionRow<double> wide = new(Array.ConvertAll(scores, x => (double)x / temperature), key => mask.Allows(batch, head, query, key));
            HardAttentionRow<float> narrow = new(Array.ConvertAll(scores, x => x / temperature), key => mask.Allows(batch, head, query, key));
            wide.Weights.CopyTo(exact, row * keys);
            narrow.Weights.CopyTo(plain, row * keys);
            wide.SoftmaxGradient(Array.ConvertAll(through, x => (double)x / temperature)).CopyTo(exactGradient, row * keys);
            narrow.SoftmaxGradient(Array.ConvertAll(through, x => x / temperature)).CopyTo(plainGradient, row * keys);
        }

        // Rounding once moves a score, up to a few times 2 / temperature, and through it the weights; the gradient follows them.
        double size = Math.Max(1, 1 / temperature);
        string what = $"{shape} {typeof(TMask).Name} at {temperature} {width}";
        Tolerance.Mechanism($"weights of {what}", weights.Gather(), exact, plain, 2 * size, shape.RowCount);
        Tolerance.Mechanism(
            $"gradient of {what}", memory.ScoresGradient.Gather(), exactGradient, plainGradient,
            4 * size * slopes.Select(x => Math.Abs((double)x) / temperature).DefaultIfEmpty().Max(), shape.RowCount);
    }

    /// <summary>Hides every odd key.</summary>
    private readonly struct EvenKeysMask : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => key % 2 == 0;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
