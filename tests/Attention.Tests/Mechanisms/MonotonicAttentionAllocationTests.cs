using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state monotonic attention allocates no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class MonotonicAttentionAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Everything_AllocatesNothing(int threads)
    {
        using MonotonicMemoryCase memory = MonotonicMemoryCase.Random([2, 4, 60, 97], guarded: false);
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };

        Allocations.Of(() => memory.Run(default(CheckerboardMask), 4, options)).Should().Be(0);
        Allocations.Of(() => memory.Run(default(NoMask), 1, options)).Should().Be(0);
        Allocations.Of(() => MonotonicAttention.ForwardHard(memory.Energies.Read(), default(CheckerboardMask), memory.Alignment.Write(), options))
            .Should().Be(0);
        Allocations.Of(() => MonotonicAttention.Next(memory.Energies.Data[..97], 3)).Should().Be(0);
    }
}
