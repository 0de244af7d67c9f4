using Attention.Execution;
using Attention.Policies;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state additive attention allocates no managed memory, and its scratch grows with queries plus keys.</summary>
[Collection(AloneCollection.Name)]
public class AdditiveAttentionAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Everything_AllocatesNothing(int threads)
    {
        using AdditiveMemory memory = new(AdditiveProblems.Random(new(1, 4, 2, 97, 151, 32, 32)));
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads, Dropout = 0.1f };

        Allocations.Of(() => memory.Forward(CausalMask.TopLeft, options)).Should().Be(0);
        Allocations.Of(() => memory.Weights(default(CheckerboardMask), options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(CausalMask.TopLeft, options)).Should().Be(0);
    }

    /// <summary>
    /// With 2048 queries and keys, a matrix of scores would be 16 MB, and the hidden units of all pairs 134 MB: the forward pass takes
    /// less than a quarter MB on its thread, however long, the backward pass the 16 parts of its gradients.
    /// </summary>
    [Fact]
    public void Scratch_GrowsWithQueriesPlusKeys()
    {
        const int Hidden = 8;
        const int ValueSize = 4;
        long forwardOfOne = ScratchOf(1024, backward: false);
        long forwardOfTwo = ScratchOf(2048, backward: false);
        long backwardOfOne = ScratchOf(1024, backward: true);
        long backwardOfTwo = ScratchOf(2048, backward: true);

        forwardOfTwo.Should().Be(forwardOfOne).And.BeLessThan(1 << 18);
        backwardOfTwo.Should().BeLessThan((long)(2.1 * backwardOfOne));
        backwardOfTwo.Should().BeLessThan((16 * (Hidden + ValueSize) * (2048 + 32) * sizeof(float)) + (1 << 19));

        // A thread of its own begins without scratch, and what it ends with is the most that a call took.
        static long ScratchOf(int length, bool backward)
        {
            long bytes = 0;
            using AdditiveMemory memory = new(AdditiveProblems.Random(new(1, 1, 1, length, length, Hidden, ValueSize)));
            Thread thread = new(() =>
            {
                AttentionOptions options = new() { MaxDegreeOfParallelism = 1 };
                memory.Forward(default(NoMask), options);
                if (backward)
                {
                    memory.Backward(default(NoMask), options);
                }

                bytes = Scratch.BytesOfThisThread;
            });
            thread.Start();
            thread.Join();
            return bytes;
        }
    }
}
