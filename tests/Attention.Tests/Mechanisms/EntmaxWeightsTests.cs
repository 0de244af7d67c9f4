using Attention.Mechanisms;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Entmax with an alpha of its own for each head, and its gradients.</summary>
public class EntmaxWeightsTests
{
    private static readonly float[] s_alphas = [1f, 1.0001f, 1.01f, 1.5f, 2f];

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    /// <summary>Weights and gradients of scores are those of the normaliser of each head; the gradient of alpha is the formula's.</summary>
    [Theory]
    [MemberData(nameof(AllWidths))]
    public void EveryHead_HasItsAlpha(SimdWidth width)
    {
        foreach (AttentionShape shape in ShapeCases.Small)
        {
            float[] alpha = [.. Enumerable.Range(0, shape.Heads).Select(head => s_alphas[(head + shape.KeyLength) % s_alphas.Length])];
            Check(shape, alpha, default(NoMask), Placement.Guarded, width);
            Check(shape, alpha, new WindowMask(1, 2, -2), Placement.Positions, width);
            Check(shape, [alpha[0]], default(CheckerboardMask), Placement.Contiguous, width);
        }
    }

    /// <summary>The reference, which the others are compared with, is the derivative of entmax by alpha.</summary>
    [Theory]
    [InlineData(1.0001)]
    [InlineData(1.01)]
    [InlineData(1.5)]
    [InlineData(1.9)]
    [InlineData(2.0)]
    public void TheReference_IsThatOfDifferences(double alpha)
    {
        double[] scores = [0.3, -0.2, 0.75, 0.5, -3, 0.1, 0.11];
        double[] gradient = AttentionProblems.Wave(3, scores.Length);
        double[] variable = [alpha];
        double Loss() => new NormalizerReference(NormalizerKind.Entmax, variable[0]).Weights(scores).Zip(gradient, (x, y) => x * y).Sum();
        double[] weights = new NormalizerReference(NormalizerKind.Entmax, alpha).Weights(scores);

        Tolerance.Differences("alpha", [NormalizerReference.AlphaGradient(weights, gradient, alpha)], FiniteDifferences.Gradient(variable, Loss));
    }

    /// <summary>At 1 there is a slope to one side alone, in which three points have an error of the step squared.</summary>
    [Fact]
    public void TheReferenceAtOne_IsThatOfDifferencesToOneSide()
    {
        const double Step = 1e-4;
        double[] scores = [0.3, -0.2, 0.75, 0.5, -3, 0.1, 0.11];
        double[] gradient = AttentionProblems.Wave(3, scores.Length);
        double Loss(double alpha) => new NormalizerReference(NormalizerKind.Entmax, alpha).Weights(scores).Zip(gradient, (x, y) => x * y).Sum();
        double[] weights = new NormalizerReference(NormalizerKind.Entmax, 1).Weights(scores);
        double numerical = (4 * Loss(1 + Step) - Loss(1 + (2 * Step)) - 3 * Loss(1)) / (2 * Step);

        Tolerance.Differences("alpha", [NormalizerReference.AlphaGradient(weights, gradient, 1)], [numerical]);
    }

    /// <summary>Without the cancellation of the formula near 1: whole rows, from exact weights, at every distance.</summary>
    [Fact]
    public void TheGradientByAlpha_IsSmoothDownToOne()
    {
        double[] scores = [0.3, -0.2, 0.75, 0.5, -3, 0.1, 0.11];
        float[] gradient = Array.ConvertAll(AttentionProblems.Wave(3, scores.Length), number => (float)number);
        float[] weights = Array.ConvertAll(new NormalizerReference(NormalizerKind.Softmax).Weights(scores), number => (float)number);
        double limit = new EntmaxNormalizer(1).AlphaGradient(weights, gradient);
        foreach (float alpha in (float[])[MathF.BitIncrement(1), 1 + 1e-6f, 1 + 1e-5f, 1 + 1e-4f, 1 + 1e-3f])
        {
            // The slope of the formula in alpha, for these weights, is below 1.
            new EntmaxNormalizer(alpha).AlphaGradient(weights, gradient).Should().BeApproximately(limit, alpha - 1);
        }
    }

    [Fact]
    public void WhatIsHidden_IsNotLookedAt()
    {
        AttentionShape shape = new(2, 3, 3, 10, 170, 1, 1);
        float[] alpha = [1, 1.3f, 2];
        float[] scores = AttentionProblems.Normal(new Random(1), shape.ScoreCount);
        float[] gradient = AttentionProblems.Normal(new Random(2), shape.ScoreCount);
        using EntmaxCase clean = new(shape, alpha, scores: scores, weightGradient: gradient);
        clean.Run(default(SparseRowsMask));
        for (int i = 0; i < scores.Length; i++)
        {
            if (!default(SparseRowsMask).Allows(0, 0, i / shape.KeyLength % shape.QueryLength, i % shape.KeyLength))
            {
                (scores[i], gradient[i]) = (float.NaN, float.NaN);
            }
        }

        using EntmaxCase poisoned = new(shape, alpha, scores: scores, weightGradient: gradient);
        poisoned.Run(default(SparseRowsMask));

        Tolerance.SameBits("weights", poisoned.Weights.Gather(), clean.Weights.Gather());
        Tolerance.SameBits("scores", poisoned.ScoreGradient.Gather(), clean.ScoreGradient.Gather());
        Tolerance.SameBits("alpha", poisoned.AlphaGradient.Gather(), clean.AlphaGradient.Gather());
        float[] weights = poisoned.Weights.Gather();
        float[] slopes = poisoned.ScoreGradient.Gather();
        weights.Concat(slopes).Concat(poisoned.AlphaGradient.Gather()).Should().OnlyContain(number => float.IsFinite(number));
        for (int row = 0; row < shape.RowCount; row++)
        {
            float sum = weights.AsSpan(row * shape.KeyLength, shape.KeyLength).ToArray().Sum();
            sum.Should().BeApproximately(row % shape.QueryLength % 5 == 0 ? 0 : 1, 1e-5f);
        }
    }

    [Fact]
    public void NaNInAnAllowedScore_IsSeen()
    {
        AttentionShape shape = new(1, 2, 2, 1, 9, 1, 1);
        float[] scores = new float[shape.ScoreCount];
        scores[4] = float.NaN;
        using EntmaxCase memory = new(shape, [1.2f, 1.2f], scores: scores);
        memory.Run(default(NoMask));
        memory.Weights.Gather()[..9].Should().OnlyContain(number => float.IsNaN(number));
        memory.AlphaGradient.Gather().Select(float.IsNaN).Should().Equal(true, false);
    }

    /// <summary>Each gradient alone is what it is beside the other.</summary>
    [Fact]
    public void OneGradientAlone_HasTheSameBits()
    {
        using EntmaxCase memory = new(new(2, 3, 3, 5, 37, 1, 1), [1.2f, 1.5f, 2]);
        memory.Run(CausalMask.TopLeft);
        float[] slopes = memory.ScoreGradient.Gather();
        float[] alphas = memory.AlphaGradient.Gather();
        memory.ScoreGradient.Data.Fill(float.NaN);
        memory.AlphaGradient.Data.Fill(float.NaN);

        EntmaxWeights.Backward(
            memory.Weights.Read(), memory.WeightGradient.Read(), memory.Alpha.Read(), CausalMask.TopLeft, memory.ScoreGradient.Write(), default);
        EntmaxWeights.Backward(
            memory.Weights.Read(), memory.WeightGradient.Read(), memory.Alpha.Read(), CausalMask.TopLeft, default, memory.AlphaGradient.Write());

        Tolerance.SameBits("scores", memory.ScoreGradient.Gather(), slopes);
        Tolerance.SameBits("alpha", memory.AlphaGradient.Gather(), alphas);
    }

    [Fact]
    public void Threads_ChangeNoBit()
    {
        using EntmaxCase memory = new(new(2, 4, 4, 67, 131, 1, 1), [1, 1.2f, 1.5f, 2]);
        float[] expected = [];
        foreach (int threads in (int[])[1, 2, 3, 7])
        {
            memory.Run(CausalMask.TopLeft, new() { MaxDegreeOfParallelism = threads });
            float[] results = [.. memory.Weights.Gather(), .. memory.ScoreGradient.Gather(), .. memory.AlphaGradient.Gather()];
            expected = threads == 1 ? results : expected;
            Tolerance.SameBits($"{threads} threads", results, expected);
        }
    }

    private static void Check<TMask>(AttentionShape shape, float[] alpha, TMask mask, Placement placement, SimdWidth width)
        where TMask : struct, IAttentionMask
    {
        AttentionOptions options = new() { Width = width };
        using EntmaxCase memory = new(shape, alpha, placement);
        memory.Run(mask, options);
        string name = $"{shape} {typeof(TMask).Name} {width}";
        float[] weights = memory.Weights.Gather();
        float[] slopes = memory.ScoreGradient.Gather();
        Tolerance.Golden($"alpha of {name}", memory.AlphaGradient.Gather(), memory.ExpectedAlphaGradient());
        for (int head = 0; head < shape.Heads; head++)
        {
            EntmaxNormalizer normalizer = new(alpha[alpha.Length == 1 ? 0 : head]);
            using TestOperand others = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength);
            using TestOperand otherSlopes = TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength);
            RowNormalization.Forward(memory.Scores.Read(), mask, normalizer, others.Write(), options);
            RowNormalization.Backward(
                memory.Scores.Read(), memory.Weights.Read(), memory.WeightGradient.Read(), mask, normalizer, otherSlopes.Write(), options);
            float[] expected = others.Gather();
            float[] expectedSlopes = otherSlopes.Gather();
            int size = shape.QueryLength * shape.KeyLength;
            for (int batch = 0; batch < shape.Batch; batch++)
            {
                int start = (batch * shape.Heads + head) * size;
                Tolerance.SameBits($"weights of {name}", weights.AsSpan(start, size), expected.AsSpan(start, size));
                Tolerance.SameBits($"scores of {name}", slopes.AsSpan(start, size), expectedSlopes.AsSpan(start, size));
            }
        }
    }
}
