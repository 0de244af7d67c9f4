using System.Diagnostics;

namespace Attention.Comparison.Measuring;

/// <summary>Waits until the contender before has truly stopped.</summary>
/// <remarks>
/// Thread pools of native libraries spin after their last piece of work, some for tens of milliseconds, and take
/// a core from whoever comes next. The wait ends when nothing but the caller uses the processor, and the caller does not
/// sleep meanwhile: a core that has rested starts slowly.
/// </remarks>
internal static class Quiet
{
    // A window in which the other threads of the process ran for less than this share of it is quiet. The system counts a
    // running thread's time from tick to tick, so a window spans several.
    private const double Share = 0.05;
    private static readonly TimeSpan s_window = TimeSpan.FromMilliseconds(20);

    // Some peer might spin for ever; then it does so under every contender alike.
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(500);

    // Where the system does not tell whose time it is, longer than any of the peers spins.
    private static readonly TimeSpan s_blind = TimeSpan.FromMilliseconds(200);

    internal static void Await()
    {
        if (!OperatingSystem.IsLinux())
        {
            Spin(s_blind);
            return;
        }

        long start = Stopwatch.GetTimestamp();
        double others;
        do
        {
            double before = Clock.OtherThreads;
            Spin(s_window);
            others = Clock.OtherThreads - before;
        }
        while (others > Share * s_window.TotalSeconds && Stopwatch.GetElapsedTime(start) < s_longest);
    }

    private static void Spin(TimeSpan time)
    {
        for (long start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start) < time;)
        {
            Thread.SpinWait(20);
        }
    }
}
