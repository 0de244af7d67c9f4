using Attention.Positions;
using Attention.TestKit;

namespace Attention.Tests.Positions;

/// <summary>In the steady state no call allocates managed memory, on one thread or several.</summary>
[Collection(AloneCollection.Name)]
public sealed class PositionAllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Calls_AllocateNothing(int threads)
    {
        PositionOptions options = new() { MaxDegreeOfParallelism = threads };
        float[] first = new float[40_000];
        float[] second = new float[90_000];
        int[] positions = [.. Enumerable.Range(0, 2 * 150)];
        Layout heads = Layout.Contiguous(2, 4, 150, 32);
        Layout rows = Layout.Contiguous(600, 64);
        Layout biasTable = Layout.Contiguous(32, 3);
        Layout bias = Layout.Contiguous(3, 150, 190);
        Layout windowTable = Layout.Contiguous(27 * 9, 3);
        Layout windowBias = Layout.Contiguous(3, 70, 70);
        Layout patches = Layout.Contiguous(82, 333);
        Layout newPatches = Layout.Contiguous(197, 333);
        RotaryTable table = new(32);
        RelativeBuckets buckets = new();
        GridResize grid = new(9, 9, 14, 14) { ClassTokens = 1 };

        Allocated(() => SinusoidalPositions.Fill(rows.Write(first), 5, SinusoidalForm.Interleaved, options)).Should().Be(0);
        Allocated(() => SinusoidalPositions.Add(rows.Write(first), 5, SinusoidalForm.Halves, options)).Should().Be(0);
        Allocated(() => Rotary.Apply(heads.Read(first), table, 7, RotaryLayout.Half, heads.Write(second), options)).Should().Be(0);
        Allocated(() => Rotary.ApplyInverse(heads.Read(first), table, positions, RotaryLayout.Interleaved, heads.Write(first), options)).Should().Be(0);
        Allocated(() => RelativePositionBias.Forward(biasTable.Read(first), buckets, bias.Write(second), 0, options)).Should().Be(0);
        Allocated(() => RelativePositionBias.Backward(bias.Read(second), buckets, biasTable.Write(first), 0, options)).Should().Be(0);
        Allocated(() => WindowPositionBias.Forward(windowTable.Read(first), 14, 5, windowBias.Write(second), options)).Should().Be(0);
        Allocated(() => WindowPositionBias.Backward(windowBias.Read(second), 14, 5, windowTable.Write(first), options)).Should().Be(0);
        Allocated(() => PositionTable.Resize(patches.Read(first), grid, newPatches.Write(second), options)).Should().Be(0);
        Allocated(() => PositionTable.ResizeBackward(newPatches.Read(second), grid, patches.Write(first), options)).Should().Be(0);
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
