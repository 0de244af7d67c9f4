using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of attention to windows: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static unsafe class LocalPass
{
    /// <summary>Queries of a piece: enough to hide what a piece costs, few enough that short calls have work for all.</summary>
    internal const int TileRows = 32;

    /// <summary>Below this many multiply-adds a second thread costs more than it gives.</summary>
    private const double SmallWork = 1 << 18;

    /// <summary>An <see cref="IndexRange"/> in floats, which is what scratch is counted in.</summary>
    private const int IndexRangeFloats = 2;

    internal static void Forward<TMask>(in LocalProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new ForwardJob<TMask>(problem, mask, Threads(problem, options)));

    internal static void Backward<TMask>(in LocalGradientProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new BackwardJob<TMask>(problem, mask, Threads(problem.Forward, options)));

    /// <summary>Pieces of a head's queries.</summary>
    internal static int Tiles(int queryLength) => (queryLength + TileRows - 1) / TileRows;

    private static int Threads(in LocalProblem problem, in AttentionOptions options)
    {
        AttentionProblem attention = problem.Attention;
        double rows = (double)attention.Batch * attention.Heads * attention.QueryLength;
        double work = rows * problem.MostKeys * (attention.HeadSize + attention.ValueSize);
        return work < SmallWork ? 1 : WorkerTeam.Threads(options.MaxDegreeOfParallelism);
    }

    private static WorkItems Items(in AttentionProblem attention) =>
        new(attention.Batch, attention.Heads, attention.QueryLength, TileRows);

    private readonly struct ForwardJob<TMask>(LocalProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            WorkItems items = Items(problem.Attention);
            WorkerTeam.Run(new LocalForward<TSimd, TVector, TMask>(problem, mask, items), items.Count, threads);
        }
    }

    private readonly struct BackwardJob<TMask>(LocalGradientProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AttentionProblem attention = problem.Forward.Attention;
            WorkItems items = Items(attention);
            nint heads = (nint)attention.Batch * attention.Heads;
            nint rows = heads * attention.QueryLength;
            using Scratch.Rental stateRental = Scratch.Rent(rows * LocalRowState.Floats);
            using Scratch.Rental tileRental = Scratch.Rent(heads * Tiles(attention.QueryLength) * IndexRangeFloats);
            using Scratch.Rental positionRental = Scratch.Rent(rows);
            LocalRowState* states = (LocalRowState*)stateRental.Memory;
            IndexRange* tiles = (IndexRange*)tileRental.Memory;
            WorkerTeam.Run(
                new LocalQueryBackward<TSimd, TVector, TMask>(problem, mask, items, states, tiles, positionRental.Memory), items.Count, threads);
            if (problem.KeyGradient.IsPresent || problem.ValueGradient.IsPresent)
            {
                LocalKeyBackward<TSimd, TVector, TMask> keys = new(problem, mask, states, tiles);
                WorkerTeam.Run(keys, keys.Count, threads);
            }

            AddPositions(positionRental.Memory);
        }

        /// <summary>Adds up the gradients of each position, the first head first.</summary>
        private void AddPositions(float* positions)
        {
            AttentionProblem attention = problem.Forward.Attention;
            for (int batch = 0; batch < attention.Batch && problem.PositionGradient.IsPresent; batch++)
            {
                float* byHead = positions + (nint)batch * attention.Heads * attention.QueryLength;
                for (int query = 0; query < attention.QueryLength; query++)
                {
                    float sum = 0;
                    for (int head = 0; head < attention.Heads; head++)
                    {
                        sum += byHead[(nint)head * attention.QueryLength + query];
                    }

                    *problem.PositionGradient.At(batch, 0, query) = sum;
                }
            }
        }
    }
}
