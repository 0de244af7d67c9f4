using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Attention.Comparison.Measuring;

/// <summary>What time is.</summary>
/// <remarks>
/// Usually the wall's. On a machine that others use as well, the time that the calling thread was running tells more, as
/// long as that thread does all the work.
/// </remarks>
internal static partial class Clock
{
    private const int ProcessTime = 2;
    private const int ThreadTime = 3;

    /// <summary>Whether to count the calling thread's own time; Linux only.</summary>
    internal static bool OfThread { get; set; }

    /// <summary>Seconds since some moment.</summary>
    internal static double Seconds
    {
        get
        {
            if (!OfThread)
            {
                return Stopwatch.GetElapsedTime(0).TotalSeconds;
            }

            return Of(ThreadTime);
        }
    }

    /// <summary>Processor seconds that threads other than the caller have used so far; Linux only.</summary>
    internal static double OtherThreads => Of(ProcessTime) - Of(ThreadTime);

    private static double Of(int clock)
    {
        Marshal.ThrowExceptionForHR(Read(clock, out TimeSpecification time));
        return time.Seconds + time.Nanoseconds * 1e-9;
    }

    [LibraryImport("libc.so.6", EntryPoint = "clock_gettime")]
    private static partial int Read(int clock, out TimeSpecification time);

    private struct TimeSpecification
    {
        internal nint Seconds;
        internal nint Nanoseconds;
    }
}
