using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state normalisers allocate no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class NormalizedAttentionAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Normalizers_AllocateNothing(int threads)
    {
        AttentionShape shape = new(1, 4, 2, 97, 151, 32, 32);
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads, Dropout = 0.1f };
        using AttentionMemory memory = new(AttentionProblems.Random(shape));
        using TestOperand weights = TestOperand.Create(false, shape.ScoreLengths);
        using TestOperand scores = TestOperand.Create(false, [388, 151], AttentionProblems.Normal(new Random(1), 388 * 151));
        using TestOperand rows = TestOperand.Create(false, [388, 151]);
        using TestOperand gradient = TestOperand.Create(false, [388, 151]);
        using TestOperand pairs = TestOperand.Create(false, shape.ScoreLengths, AttentionProblems.Normal(new Random(2), shape.ScoreCount));
        int[] lengths = [.. Enumerable.Range(0, 388).Select(row => row % 152)];
        foreach (NormalizerCase normalizer in NormalizerCase.All)
        {
            Allocations.Of(() => normalizer.Attend(memory, weights, default(CheckerboardMask), new SoftCapModifier(3), options)).Should().Be(0);
            Allocations.Of(() => normalizer.Rows(scores.Read(), lengths, rows.Write(), options)).Should().Be(0);
            Allocations.Of(() => normalizer.RowsBackward(scores.Read(), rows.Read(), scores.Read(), lengths, gradient.Write(), options)).Should().Be(0);
            Allocations.Of(() => normalizer.Pairs(pairs.Read(), default(CheckerboardMask), weights.Write(), options)).Should().Be(0);
        }
    }
}
