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
        job.Run(action, count, helpers);
        job.Return();
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
            _failure = null;
            while (_helpers.Count < helpers)
            {
                _helpers.Add(new Helper());
            }

            for (int i = 0; i < helpers; i++)
            {
                _helpers[i] = _helpers[i].EnlistOrReplace(this);
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

            if (_failure is not null)
            {
                ExceptionDispatchInfo.Throw(_failure);
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
        private static Job<TAction>? s_free;

        private TAction _action;
        private Job<TAction>? _nextFree;

        internal static Job<TAction> Rent()
        {
            lock (typeof(Job<TAction>))
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
            lock (typeof(Job<TAction>))
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
    /// One seat in the thread pool's queue. It is <c>Idle</c>, then <c>Enlisted</c> while it waits in the queue, then
    /// <c>Busy</c>; a dismissed seat stays in the queue, does nothing when its turn comes, and is <c>Idle</c> again.
    /// </summary>
    private sealed class Helper : IThreadPoolWorkItem
    {
        private const int Idle = 0;
        private const int Enlisted = 1;
        private const int Busy = 2;
        private const int Dismissed = 3;

        private int _state;
        private Job? _job;

        internal Helper EnlistOrReplace(Job job)
        {
            Helper seat = this;
            int state = Volatile.Read(ref _state);
            if (state == Dismissed && Interlocked.CompareExchange(ref _state, Enlisted, Dismissed) == Dismissed)
            {
                // Still queued from an earlier call of the same job: it serves this one when its turn comes.
                return this;
            }

            if (Volatile.Read(ref _state) != Idle)
            {
                seat = new Helper();
            }

            seat._job = job;
            Volatile.Write(ref seat._state, Enlisted);
            ThreadPool.UnsafeQueueUserWorkItem(seat, preferLocal: false);
            return seat;
        }

        internal void Dismiss() => Interlocked.CompareExchange(ref _state, Dismissed, Enlisted);

        public void Execute()
        {
            // The job counts whoever may be working before the seat says so: the caller cannot leave in between.
            Job job = _job!;
            job.Enter();
            if (Interlocked.CompareExchange(ref _state, Busy, Enlisted) == Enlisted)
            {
                job.Work();
            }

            Volatile.Write(ref _state, Idle);
            job.Leave();
        }
    }
}
