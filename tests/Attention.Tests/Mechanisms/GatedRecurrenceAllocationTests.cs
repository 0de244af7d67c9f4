using Attention.Mechanisms;

namespace Attention.Tests.Mechanisms;

/// <summary>In the steady state recurrences allocate no managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public class GatedRecurrenceAllocationTests
{
    [Theory]
    [InlineData(RecurrentCell.GruResetAfter, 1)]
    [InlineData(RecurrentCell.GruResetBefore, 3)]
    [InlineData(RecurrentCell.Lstm, 3)]
    public void NothingIsAllocated(RecurrentCell cell, int threads)
    {
        using RecurrenceMemory memory = new(RecurrenceProblems.Random(cell, 30, 5, 70) with { Lengths = [.. Enumerable.Repeat(4, 30)] });
        RecurrenceOptions options = new() { MaxDegreeOfParallelism = threads };

        Allocations.Of(() => memory.Forward(options)).Should().Be(0);
        Allocations.Of(() => memory.Backward(options)).Should().Be(0);
    }
}
