namespace Attention.Tests;

/// <summary>Measures what calls allocate; for tests that run alone.</summary>
internal static class Allocations
{
    /// <summary>
    /// Bytes of the whole process during a few calls. The least of several rounds, since the runtime's own threads may
    /// allocate at any time, and a pool thread that is new to the work takes its scratch.
    /// </summary>
    public static long Of(Action call)
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
