using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state attention by distances allocates no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class RelativeAttentionAllocationTests
{
    private static readonly AttentionShape s_shape = new(1, 4, 2, 97, 151, 32, 32);

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void ClippedDistances_AllocateNothing(int threads)
    {
        using RelativeMemory memory = new(RelativeProblems.Clipped(s_shape, 16), 0);
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads, Dropout = 0.1f };

        Allocations.Of(() => memory.Forward(CausalMask.TopLeft, options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(CausalMask.TopLeft, options)).Should().Be(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void AllDistances_AllocateNothing(int threads)
    {
        using TransformerXlMemory memory = new(RelativeProblems.Unclipped(s_shape, false));
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };

        Allocations.Of(() => memory.Forward(default(CheckerboardMask), options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(default(CheckerboardMask), options)).Should().Be(0);
    }
}
