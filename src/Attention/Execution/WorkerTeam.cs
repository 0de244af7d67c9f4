using System.Runtime.ExceptionServices;

namespace Attention.Execution;

/// <summary>
/// Runs numbered pieces of work on the calling thread and on thread-pool threads, without allocating in the steady state.
/// </summary>
/// <remarks>
/// Pieces are handed out in rising order, so a piece may wait for one with a lower number: that one was taken before, by a
/// thread that is running. The caller never waits for a helper that has not begun (it is told to stay away), so a starved
/// thread pool costs speed and nothing else.
/// </remarks>
internal static class WorkerTeam
{
    /// <summary>The number of threads that <paramref name="requested"/> (0: one for each processor) stands for.</summary>
    internal static int Threads(int requested) => requested > 0 ? requested : Environment.ProcessorCount;

    /// <summary>Invokes <paramref name="action"/> for 0 to <paramref name="count"/> - 1; returns when all are done.</summary>
    /// <param name="action">The work.</param>
    /// <param name="count">How many pieces.</param>
    /// <param name="threads">How many threads may work at once, the caller included.</param>
    internal static void Run<TAction>(in TAction action, int count, int threads)
        where TAction : struct, IParallelAction
    {
        int helpers = Math.Min(threads, count) - 1;
        if (helpers <= 0)
        {
            for (int index = 0; index < count; index++)
            {
                action.Invoke(index);
            }

            return;
        }

        Job<TAction> job = Job<TAction>.Rent();
        try
        {
            job.Run(action, count, helpers);
        }
        finally
        {
            job.Return();
        }
    }

    private abstract class Job
    {
        private readonly List<Helper> _helpers = [];
        private int _next;
        private int _count;
        private int _working;
        private Exception? _failure;

        protected void Start(int count, int helpers)
        {
            _next = -1;
            _count = count;
            while (_helpers.Count < helpers)
            {
                _helpers.Add(new Helper(this));
            }

            for (int i = 0; i < helpers; i++)
            {
                _helpers[i].Enlist();
            }

            Work();
            for (int i = 0; i < helpers; i++)
            {
                _helpers[i].Dismiss();
            }

            SpinWait spin = default;
            while (Volatile.Read(ref _working) != 0)
            {
                spin.SpinOnce(sleep1Threshold: -1);
            }

            if (_failure is { } failure)
            {
                _failure = null;
                ExceptionDispatchInfo.Throw(failure);
            }
        }

        internal void Enter() => Interlocked.Increment(ref _working);

        internal void Leave() => Interlocked.Decrement(ref _working);

        internal void Work()
        {
            try
            {
                for (int index = Interlocked.Increment(ref _next); index < _count; index = Interlocked.Increment(ref _next))
                {
                    Invoke(index);
                }
            }
            catch (Exception exception)
            {
                _failure ??= exception;
                Volatile.Write(ref _next, _count);
            }
        }

        protected abstract void Invoke(int index);
    }

    private sealed class Job<TAction> : Job
        where TAction : struct, IParallelAction
    {
        private static readonly Lock s_lock = new();
        private static Job<TAction>? s_free;

        private TAction _action;
        private Job<TAction>? _nextFree;

        internal static Job<TAction> Rent()
        {
            lock (s_lock)
            {
                Job<TAction>? job = s_free;
                if (job is not null)
                {
                    s_free = job._nextFree;
                    return job;
                }
            }

            return new Job<TAction>();
        }

        internal void Return()
        {
            lock (s_lock)
            {
                _nextFree = s_free;
                s_free = this;
            }
        }

        internal void Run(in TAction action, int count, int helpers)
        {
            _action = action;
            try
            {
                Start(count, helpers);
            }
            finally
            {
                _action = default;
            }
        }

        protected override void Invoke(int index) => _action.Invoke(index);
    }

    /// <summary>
    /// One seat of a job in the thread pool's queue. It is <c>Idle</c>, then <c>Enlisted</c> while it waits in the queue, then
    /// <c>Busy</c>; a dismissed seat stays in the queue and, when its turn comes before the job's next run, does nothing.
    /// </summary>
    private sealed class Helper(Job job) : IThreadPoolWorkItem
    {
        private const int Idle = 0;
        private const int Enlisted = 1;
        private const int Busy = 2;
        private const int Dismissed = 3;

        private int _state;

        /// <summary>Never called on a busy seat: a run ends when nobody works any more.</summary>
        internal void Enlist()
        {
            if (Interlocked.CompareExchange(ref _state, Enlisted, Dismissed) == Dismissed)
            {
                // Still queued from an earlier run: it serves this one when its turn comes.
                return;
            }

            Volatile.Write(ref _state, Enlisted);
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }

        internal void Dismiss() => Interlocked.CompareExchange(ref _state, Dismissed, Enlisted);

        public void Execute()
        {
            // The job counts whoever may be working before the seat says so: the caller cannot leave in between.
            job.Enter();
            do
            {
                if (Interlocked.CompareExchange(ref _state, Busy, Enlisted) == Enlisted)
                {
                    job.Work();
                    Volatile.Write(ref _state, Idle);
                    break;
                }
            }
            while (Interlocked.CompareExchange(ref _state, Idle, Dismissed) != Dismissed);

            job.Leave();
        }
    }
}
