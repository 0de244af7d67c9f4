using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state hard attention and softmax weights allocate no managed memory, on one thread or several.</summary>
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
        Allocations.Of(() => SoftmaxWeights.GumbelForward(
            memory.Scores.Read(), default(CheckerboardMask), 0.5f, 1, memory.ScoresGradient.Write(), default, options)).Should().Be(0);
    }
}
