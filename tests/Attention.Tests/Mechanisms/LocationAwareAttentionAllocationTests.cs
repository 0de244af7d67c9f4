using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state location-aware attention allocates no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class LocationAwareAttentionAllocationTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 3)]
    [InlineData(4, 3)]
    public void Calls_AllocateNothing(int batch, int threads)
    {
        using LocationAwareMemory memory = new(LocationAwareProblems.Random(batch, 2, 700, 32, 16, 4, 9));
        LocationAwareOptions options = new() { MaxDegreeOfParallelism = threads };
        var mask = new KeyLengthMask(690);

        Allocations.Of(() => memory.Forward(mask, options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(mask, options)).Should().Be(0);
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
