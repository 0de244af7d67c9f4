using Attention.Comparison.Measuring;

namespace Attention.Comparison.Machine;

/// <summary>Runs the same work on several threads that start together.</summary>
internal static class SideBySide
{
    /// <summary>
    /// Invokes <paramref name="work"/> with 0, 1, ... on that many threads and gives the time until the last is done.
    /// </summary>
    internal static double Seconds(int threads, Action<int> work)
    {
        if (threads == 1)
        {
            double begin = Clock.Seconds;
            work(0);
            return Clock.Seconds - begin;
        }

        using var barrier = new Barrier(threads);
        var others = new Thread[threads - 1];
        for (int i = 0; i < others.Length; i++)
        {
            int index = i + 1;
            others[i] = new Thread(() =>
            {
                barrier.SignalAndWait();
                work(index);
            });
            others[i].Start();
        }

        barrier.SignalAndWait();
        double start = Clock.Seconds;
        work(0);
        foreach (Thread thread in others)
        {
            thread.Join();
        }

        return Clock.Seconds - start;
    }
}
