using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state hard attention, Gumbel-softmax and additive scores allocate no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class HardAttentionAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void HardAttention_AllocatesNothing(int threads)
    {
        using HardMemory memory = new(new AttentionShape(2, 4, 2, 67, 131, 1, 33));
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };

        Allocations.Of(() => memory.Forward(KeyChoice.Sampled(1), CausalMask.TopLeft, options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(CausalMask.TopLeft, options)).Should().Be(0);
        Allocations.Of(() => GumbelSoftmax.Forward(
            memory.Scores.Read(), default(CheckerboardMask), 0.5f, 1, memory.ScoresGradient.Write(), default, options)).Should().Be(0);
        Allocations.Of(() => RowNormalization.Backward(
            memory.Scores.Read(), memory.Scores.Read(), memory.Scores.Read(), default(CheckerboardMask), new SoftmaxNormalizer(0.5f),
            memory.ScoresGradient.Write(), options)).Should().Be(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ScoresAndPenalty_AllocateNothing(int threads)
    {
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };
        float[] query = AttentionProblems.Normal(new Random(1), 2 * 60 * 75);
        float[] key = AttentionProblems.Normal(new Random(2), 2 * 40 * 75);
        float[] vector = new float[75];
        float[] scores = new float[2 * 60 * 40];
        float[] scoreGradients = new float[scores.Length];
        float[] gradients = new float[query.Length];
        float[] keyGradients = new float[key.Length];
        float[] vectorGradient = new float[75];
        float[] penalties = new float[2];

        Allocations.Of(() => AdditiveScores.Forward(
            new(query, [2, 1, 60, 75], []), new(key, [2, 1, 40, 75], []), new(vector), new(scores, [2, 1, 60, 40], []), options)).Should().Be(0);
        Allocations.Of(() => AdditiveScores.Backward(
            new(query, [2, 1, 60, 75], []), new(key, [2, 1, 40, 75], []), new(vector), new(scores, [2, 1, 60, 40], []),
            new(gradients, [2, 1, 60, 75], []), new(keyGradients, [2, 1, 40, 75], []), new(vectorGradient), options)).Should().Be(0);
        Allocations.Of(() => DoublyStochasticPenalty.Forward(new(scores, [2, 1, 60, 40], []), [], [], new(penalties), options)).Should().Be(0);
        Allocations.Of(() => DoublyStochasticPenalty.Backward(
            new(scores, [2, 1, 60, 40], []), [], [], new(penalties), new(scoreGradients, [2, 1, 60, 40], []), options)).Should().Be(0);
    }
}
