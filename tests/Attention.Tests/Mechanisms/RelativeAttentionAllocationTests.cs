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

        Allocated(() => memory.Forward(CausalMask.TopLeft, options)).Should().Be(0);
        Allocated(() => memory.Backward(CausalMask.TopLeft, options)).Should().Be(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void AllDistances_AllocateNothing(int threads)
    {
        using TransformerXlMemory memory = new(RelativeProblems.Unclipped(s_shape, false));
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };

        Allocated(() => memory.Forward(default(CheckerboardMask), options)).Should().Be(0);
        Allocated(() => memory.Backward(default(CheckerboardMask), options)).Should().Be(0);
    }

    /// <summary>
    /// Bytes of the whole process during a few calls. The least of several rounds, since the runtime's own threads may
    /// allocate at any time, and a pool thread that is new to the work takes its scratch.
    /// </summary>
    private static long Allocated(Action call)
    {
        const int Rounds = 20;
        const int Calls = 3;
        call();
        long least = long.MaxValue;
        for (int round = 0; round < Rounds && least > 0; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < Calls; i++)
            {
                call();
            }

            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return least;
    }
}
