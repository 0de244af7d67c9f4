using Attention.Execution;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state location-aware attention allocates no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class LocationAwareAttentionAllocationTests
{
    [Theory]
    [InlineData(1, 1, false)]
    [InlineData(1, 3, false)]
    [InlineData(4, 3, false)]
    [InlineData(1, 3, true)]
    public void Calls_AllocateNothing(int batch, int threads, bool isAccumulated)
    {
        using LocationAwareMemory memory = new(LocationAwareProblems.Random(batch, 2, 700, 32, 16, 4, 9) with { IsAccumulated = isAccumulated });
        LocationAwareOptions options = new() { MaxDegreeOfParallelism = threads };
        var mask = new KeyLengthMask(690);

        Allocations.Of(() => memory.Forward(mask, options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(mask, options)).Should().Be(0);
    }

    /// <summary>
    /// With 300 steps, 600 keys and 16 hidden numbers a row of alignments for each step is 0.7 MB, which the caller has, and the
    /// hidden numbers of all pairs are 11 MB: the scratch of either pass grows with steps plus keys, unless alignments are summed
    /// up, where the way back keeps the sums.
    /// </summary>
    [Fact]
    public void Scratch_GrowsWithStepsPlusKeys()
    {
        const long Sums = 300 * 600 * sizeof(float);
        long one = ScratchOf(150, 300, false);
        long two = ScratchOf(300, 600, false);

        two.Should().BeLessThan((long)(2.1 * one)).And.BeLessThan(Sums / 2);
        ScratchOf(300, 600, true).Should().BeLessThan(two + Sums + (Sums / 8));

        // A thread of its own begins without scratch, and what it ends with is the most that a call took.
        static long ScratchOf(int steps, int keys, bool isAccumulated)
        {
            long bytes = 0;
            using LocationAwareMemory memory = new(LocationAwareProblems.Random(1, steps, keys, 16, 4, 3, 9) with { IsAccumulated = isAccumulated });
            Thread thread = new(() =>
            {
                LocationAwareOptions options = new() { MaxDegreeOfParallelism = 1 };
                memory.Forward(default(NoMask), options);
                memory.Backward(default(NoMask), options);
                bytes = Scratch.BytesOfThisThread;
            });
            thread.Start();
            thread.Join();
            return bytes;
        }
    }

    [Fact]
    public void TheCoverageLoss_AllocatesNothing()
    {
        float[] alignments = AttentionProblems.Normal(new Random(1), 2 * 3 * 40);
        float[] losses = new float[6];
        float[] gradient = new float[240];
        var shape = Layout.Contiguous(2, 3, 40);
        var rows = Layout.Contiguous(2, 3);

        Allocations.Of(() => CoverageLoss.Forward(shape.Read(alignments), default, rows.Write(losses))).Should().Be(0);
        Allocations.Of(() => CoverageLoss.Backward(shape.Read(alignments), default, rows.Read(losses), shape.Write(gradient))).Should().Be(0);
    }
}
