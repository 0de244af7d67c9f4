using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Scores, alphas and gradients of entmax in memory, and calls of both passes.</summary>
internal sealed class EntmaxCase : IDisposable
{
    public EntmaxCase(AttentionShape shape, float[] alpha, Placement placement = Placement.Contiguous, float[]? scores = null, float[]? weightGradient = null)
    {
        Shape = shape;
        Alpha = Vector(alpha);
        AlphaGradient = Vector(null);
        Random random = new(shape.GetHashCode() & 0xFFFF);
        Scores = Pairs(scores ?? AttentionProblems.Normal(random, shape.ScoreCount, 2));
        WeightGradient = Pairs(weightGradient ?? AttentionProblems.Normal(random, shape.ScoreCount));
        Weights = Pairs(null);
        ScoreGradient = Pairs(null);

        TestOperand Pairs(float[]? numbers) =>
            TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.KeyLength, numbers);

        TestOperand Vector(float[]? numbers) => TestOperand.Create(placement == Placement.Guarded, [alpha.Length], numbers);
    }

    public AttentionShape Shape { get; }

    public TestOperand Alpha { get; }

    public TestOperand Scores { get; }

    public TestOperand WeightGradient { get; }

    public TestOperand Weights { get; }

    public TestOperand ScoreGradient { get; }

    public TestOperand AlphaGradient { get; }

    public void Run<TMask>(TMask mask, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        EntmaxWeights.Forward(Scores.Read(), Alpha.Read(), mask, Weights.Write(), options);
        EntmaxWeights.Backward(Weights.Read(), WeightGradient.Read(), Alpha.Read(), mask, ScoreGradient.Write(), AlphaGradient.Write(), options);
    }

    /// <summary>The gradient of each alpha by the reference, from the weights that were computed.</summary>
    public double[] ExpectedAlphaGradient()
    {
        float[] alpha = Alpha.Gather();
        double[] weights = Array.ConvertAll(Weights.Gather(), number => (double)number);
        double[] gradient = Array.ConvertAll(WeightGradient.Gather(), number => (double)number);
        double[] sums = new double[alpha.Length];
        for (int row = 0; row < Shape.RowCount; row++)
        {
            int place = alpha.Length == 1 ? 0 : row / Shape.QueryLength % Shape.Heads;
            int start = row * Shape.KeyLength;
            sums[place] += NormalizerReference.AlphaGradient(
                weights.AsSpan(start, Shape.KeyLength), gradient.AsSpan(start, Shape.KeyLength), alpha[place]);
        }

        return sums;
    }

    public void Dispose()
    {
        foreach (TestOperand operand in (TestOperand[])[Alpha, Scores, WeightGradient, Weights, ScoreGradient, AlphaGradient])
        {
            operand.Dispose();
        }
    }
}
