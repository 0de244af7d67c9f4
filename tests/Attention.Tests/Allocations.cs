namespace Attention.Tests;

/// <summary>Measures what calls allocate; for tests that run alone.</summary>
internal static class Allocations
{
    /// <summary>
    /// Bytes of the whole process during a call. The least of many, each counted by itself, since the runtime and the test runner
    /// allocate on threads of their own every tenth of a second or so, and a pool thread that is new to the work takes its scratch.
    /// </summary>
    public static long Of(Action call)
    {
        const int Rounds = 60;
        call();
        long least = long.MaxValue;
        for (int round = 0; round < Rounds && least > 0; round++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            call();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return least;
    }
}
