using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state attention to windows allocates no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class LocalAttentionAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void NothingIsAllocated(int threads)
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(new(1, 4, 2, 297, 151, 32, 32), 10, true) with { KeyLengths = [140] };
        using LocalMemory memory = new(problem);
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads, Dropout = 0.1f };

        Allocations.Of(() => memory.Forward(default(CheckerboardMask), options)).Should().Be(0);
        Allocations.Of(() => memory.ComputeWeights(default(CheckerboardMask), options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(default(CheckerboardMask), options)).Should().Be(0);
    }
}
