using System.Diagnostics;
using Attention.Comparison.Contenders;

namespace Attention.Comparison.Measuring;

/// <summary>Times contenders in turn, so that whatever disturbs the machine disturbs all of them alike.</summary>
internal static class PairedTiming
{
    // Short work is repeated until a turn takes this long, so that the clock and the first run's cold caches do not count.
    private const double TurnSeconds = 0.02;

    // The runtime compiles what is called often once more, in the background and after a delay. Only short work consists of
    // such calls to a part that matters.
    private const double ShortSeconds = 2e-3;
    private static readonly TimeSpan s_recompile = TimeSpan.FromMilliseconds(300);

    // Every turn starts with a run that does not count, which wakes threads and fills caches, unless it would take so long
    // that neither matters.
    private const double LongSeconds = 0.2;

    /// <summary>Seconds for each run: one array for each contender, in which equal places belong to the same round.</summary>
    internal static double[][] Measure(IReadOnlyList<IContender> contenders, Effort effort)
    {
        double[] estimates = [.. contenders.Select(Estimate)];
        List<double>[] seconds = [.. contenders.Select(_ => new List<double>())];
        long start = Stopwatch.GetTimestamp();
        for (int round = 0; round < effort.LeastRounds || Stopwatch.GetElapsedTime(start) < effort.Time; round++)
        {
            for (int turn = 0; turn < contenders.Count; turn++)
            {
                int index = (round + turn) % contenders.Count;
                seconds[index].Add(Turn(contenders[index], estimates[index]));
            }
        }

        return [.. seconds.Select(list => list.ToArray())];
    }

    /// <summary>How long one run takes, roughly, once it is warm.</summary>
    internal static double Estimate(IContender contender)
    {
        contender.Prepare();
        contender.Run();
        double seconds = Elapsed(contender);
        if (seconds < ShortSeconds)
        {
            Thread.Sleep(s_recompile);
            seconds = Elapsed(contender);
        }

        return seconds;
    }

    private static double Elapsed(IContender contender)
    {
        int runs = 0;
        double start = Clock.Seconds;
        double elapsed;
        do
        {
            contender.Run();
            runs++;
            elapsed = Clock.Seconds - start;
        }
        while (elapsed < TurnSeconds);
        return elapsed / runs;
    }

    private static double Turn(IContender contender, double estimate)
    {
        int repeats = (int)Math.Ceiling(TurnSeconds / estimate);
        Quiet.Await();
        contender.Prepare();
        if (estimate < LongSeconds)
        {
            contender.Run();
        }

        double start = Clock.Seconds;
        for (int i = 0; i < repeats; i++)
        {
            contender.Run();
        }

        return (Clock.Seconds - start) / repeats;
    }
}
