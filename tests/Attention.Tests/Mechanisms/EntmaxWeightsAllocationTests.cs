namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state entmax with a learned alpha allocates no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class EntmaxWeightsAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void BothPasses_AllocateNothing(int threads)
    {
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };
        using EntmaxCase memory = new(new(1, 4, 4, 97, 151, 1, 1), [1, 1.3f, 1.5f, 2]);
        Allocations.Of(() => memory.Run(default(CheckerboardMask), options)).Should().Be(0);
    }
}
