using System.Diagnostics;
using Attention.Execution;

namespace Attention.Tests.Execution;

public class WorkerTeamTests
{
    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 4)]
    [InlineData(2, 2)]
    [InlineData(7, 3)]
    [InlineData(1000, 1)]
    [InlineData(1000, 2)]
    [InlineData(1000, 64)]
    public void Every_piece_is_done_exactly_once(int count, int threads)
    {
        int[] done = new int[count + 1];
        for (int round = 0; round < 50; round++)
        {
            WorkerTeam.Run(new CountPieces(done), count, threads);
        }

        done[..count].Should().NotContain(times => times != 50);
        done[count].Should().Be(0);
    }

    [Fact]
    public void Runs_nest()
    {
        int[] done = new int[6 * 6 * 6];
        WorkerTeam.Run(new Nested(done, 0, 0), 6, 4);
        done.Should().OnlyContain(times => times == 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void An_exception_comes_out_and_the_team_goes_on(int threads)
    {
        int[] done = new int[100];
        for (int round = 0; round < 20; round++)
        {
            Action run = () => WorkerTeam.Run(new Failing(), 100, threads);
            run.Should().Throw<InvalidOperationException>().WithMessage("piece 50");
            WorkerTeam.Run(new CountPieces(done), 100, threads);
        }

        done.Should().OnlyContain(times => times == 20);
    }

    [Fact]
    public void No_more_threads_work_at_once_than_asked_for()
    {
        int[] working = new int[2];
        WorkerTeam.Run(new CountWorking(working), 300, 3);
        working[1].Should().BeInRange(1, 3);
    }

    [Fact]
    public void A_piece_may_wait_for_one_before_it()
    {
        int[] done = new int[400];
        WorkerTeam.Run(new WaitForPrevious(done), done.Length, 8);
        done.Should().OnlyContain(times => times == 1);
    }

    [Fact]
    public void The_steady_state_allocates_nothing()
    {
        int[] done = new int[64];
        Measure(done, 200);

        // Other tests and the pool itself may allocate meanwhile: the best of several tries counts.
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20 && least != 0; attempt++)
        {
            least = Math.Min(least, Measure(done, 50));
        }

        least.Should().Be(0);

        static long Measure(int[] done, int rounds)
        {
            long thread = GC.GetAllocatedBytesForCurrentThread();
            long process = GC.GetTotalAllocatedBytes(precise: true);
            for (int round = 0; round < rounds; round++)
            {
                WorkerTeam.Run(new CountPieces(done), 64, 4);
            }

            long inProcess = GC.GetTotalAllocatedBytes(precise: true) - process;
            return inProcess + GC.GetAllocatedBytesForCurrentThread() - thread;
        }
    }

    [Fact]
    public void Many_callers_at_once()
    {
        int callers = Environment.ProcessorCount * 4;
        Exception?[] failures = new Exception?[callers];
        Thread[] threads = new Thread[callers];
        for (int caller = 0; caller < callers; caller++)
        {
            int number = caller;
            threads[caller] = new Thread(() => failures[number] = Record.Exception(() => Hammer(number)));
            threads[caller].Start();
        }

        foreach (Thread thread in threads)
        {
            thread.Join();
        }

        failures.Should().OnlyContain(failure => failure == null);

        static void Hammer(int number)
        {
            long end = Stopwatch.GetTimestamp() + Stopwatch.Frequency;
            for (int round = 0; Stopwatch.GetTimestamp() < end; round++)
            {
                int[] done = new int[1 + (round * 7 + number) % 40];
                WorkerTeam.Run(new CountPieces(done), done.Length, 1 + (round + number) % 6);
                if (done.AsSpan().IndexOfAnyExcept(1) >= 0)
                {
                    throw new InvalidOperationException($"Caller {number}, round {round}: a piece was not done exactly once.");
                }
            }
        }
    }

    private readonly struct CountPieces(int[] done) : IParallelAction
    {
        public void Invoke(int index) => Interlocked.Increment(ref done[index]);
    }

    private readonly struct Nested(int[] done, int depth, int start) : IParallelAction
    {
        public void Invoke(int index)
        {
            int position = (start * 6) + index;
            if (depth == 2)
            {
                Interlocked.Increment(ref done[position]);
            }
            else
            {
                WorkerTeam.Run(new Nested(done, depth + 1, position), 6, 4);
            }
        }
    }

    private readonly struct Failing : IParallelAction
    {
        public void Invoke(int index)
        {
            if (index == 50)
            {
                throw new InvalidOperationException("piece 50");
            }
        }
    }

    private readonly struct CountWorking(int[] working) : IParallelAction
    {
        public void Invoke(int index)
        {
            int now = Interlocked.Increment(ref working[0]);
            for (int most = Volatile.Read(ref working[1]); now > most; most = Volatile.Read(ref working[1]))
            {
                Interlocked.CompareExchange(ref working[1], now, most);
            }

            Thread.SpinWait(2000);
            Interlocked.Decrement(ref working[0]);
        }
    }

    private readonly struct WaitForPrevious(int[] done) : IParallelAction
    {
        public void Invoke(int index)
        {
            SpinWait spin = default;
            while (index > 0 && Volatile.Read(ref done[index - 1]) == 0)
            {
                spin.SpinOnce();
            }

            Interlocked.Increment(ref done[index]);
        }
    }
}
