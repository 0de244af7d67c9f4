using Attention.Execution;
using Attention.Gemm;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the forward kernels: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static unsafe class ForwardPass
{
    /// <summary>Below this many multiply-adds a second thread costs more than it gives.</summary>
    private const double SmallWork = 1 << 18;

    internal static void Run<TMask, TModifier>(
        in AttentionProblem problem, in TMask mask, in TModifier modifier, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier =>
        WidthJobs.Run(options.Width, new Job<TMask, TModifier>(problem, mask, modifier, Threads(problem, options)));

    /// <summary>The threads that are worth waking.</summary>
    internal static int Threads(in AttentionProblem problem, in AttentionOptions options)
    {
        double work = (double)problem.Batch * problem.Heads * problem.QueryLength * problem.KeyLength * (problem.HeadSize + problem.ValueSize);
        return work < SmallWork ? 1 : WorkerTeam.Threads(options.MaxDegreeOfParallelism);
    }
    private readonly struct Job<TMask, TModifier>(AttentionProblem problem, TMask mask, TModifier modifier, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            if (DecodePlan.AppliesToAny(problem))
            {
                Decode<TSimd, TVector>();
            }

            TilePlan plan = TilePlan.Forward(problem, MicroKernel.Columns<TSimd, TVector>(), threads);
            if (problem.IsPacked)
            {
                using Scratch.Rental rental = Scratch.Rent(problem.Batch + 1);
                WorkItems packed = new(
                    problem.CumulativeQueryLengths, problem.Batch, problem.Heads, plan.TileRows, (int*)rental.Memory, skipDecoded: true);
                Tiles<TSimd, TVector>(plan, packed);
            }
            else if (!DecodePlan.Applies(problem.QueryLength))
            {
                Tiles<TSimd, TVector>(plan, new WorkItems(problem.Batch, problem.Heads, problem.QueryLength, plan.TileRows));
            }
        }

        private void Tiles<TSimd, TVector>(in TilePlan plan, in WorkItems items)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new ForwardTile<TSimd, TVector, TMask, TModifier>(problem, mask, modifier, plan, items), items.Count, threads);

        private void Decode<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            DecodePlan plan = new(problem, TSimd.Count);
            using Scratch.Rental table = Scratch.Rent(plan.TableSize(problem.Batch));
            WorkerTeam.Run(
                new DecodePiece<TSimd, TVector, TMask, TModifier>(problem, mask, modifier, plan, table.Memory),
                checked(problem.Batch * problem.KeyValueHeads * plan.Pieces), threads);
            WorkerTeam.Run(new DecodeMerge<TSimd, TVector>(problem, plan, table.Memory), checked(problem.Batch * problem.Heads), threads);
        }
    }
}
