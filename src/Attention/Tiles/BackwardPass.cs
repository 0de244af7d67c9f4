using Attention.Execution;
using Attention.Gemm;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the backward kernels: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static unsafe class BackwardPass
{
    private const int FloatsOfDouble = sizeof(double) / sizeof(float);

    internal static void Run<TMask, TModifier>(
        in BackwardProblem backward, in TMask mask, in TModifier modifier, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier =>
        WidthJobs.Run(options.Width, new Job<TMask, TModifier>(backward, mask, modifier, ForwardPass.Threads(backward.Forward, options)));

    private readonly struct Job<TMask, TModifier>(BackwardProblem given, TMask mask, TModifier modifier, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            BackwardProblem backward = given;
            ref AttentionProblem problem = ref backward.Forward;
            BackwardPlan plan = new(
                problem.QueryLength, problem.KeyLength, problem.HeadSize, problem.ValueSize, MicroKernel.Columns<TSimd, TVector>());

            nint rows = problem.IsPacked ? problem.CumulativeQueryLengths[problem.Batch] : problem.QueryLength;
            nint deltas = (problem.IsPacked ? 1 : problem.Batch) * problem.Heads * rows;
            nint turns = (nint)problem.Batch * problem.Heads * plan.Tiles;
            nint biasTurns = BiasTurns.Needed(backward, plan);
            using Scratch.Rental rental = Scratch.Rent(deltas + turns + biasTurns + 1 + problem.Batch + 1);
            backward.Delta = new Operand
            {
                Address = rental.Memory,
                BatchStride = problem.IsPacked ? 0 : problem.Heads * rows,
                HeadStride = rows,
                RowStride = 1,
            };
            backward.Turns = (int*)(rental.Memory + deltas);
            backward.Failed = backward.Turns + turns + biasTurns;
            new Span<int>(backward.Turns, checked((int)(turns + biasTurns) + 1)).Clear();
            backward.BiasTurns = new BiasTurns(backward, plan, backward.Turns + turns);

            WorkItems tiles = problem.IsPacked
                ? new WorkItems(problem.CumulativeQueryLengths, problem.Batch, problem.Heads, BackwardPlan.QueryTile, backward.Failed + 1, skipDecoded: false)
                : new WorkItems(problem.Batch, problem.Heads, problem.QueryLength, BackwardPlan.QueryTile);
            using Scratch.Rental sums = Scratch.Rent(backward.SinkGradient == null ? 0 : ((nint)tiles.Count + problem.Heads) * FloatsOfDouble);
            double* sinkSums = backward.SinkGradient == null ? null : (double*)sums.Memory;
            WorkerTeam.Run(new BackwardRows<TSimd, TVector>(backward, tiles, sinkSums), tiles.Count, threads);
            FoldSinks(backward, tiles, sinkSums);
            BackwardItems items = new(backward, plan);
            WorkerTeam.Run(new BackwardBlock<TSimd, TVector, TMask, TModifier>(backward, mask, modifier, plan, items), items.Count, threads);
        }

        /// <summary>Adds up the sink gradients of the tiles, in their order.</summary>
        private static void FoldSinks(in BackwardProblem backward, in WorkItems tiles, double* sinkSums)
        {
            if (sinkSums == null)
            {
                return;
            }

            int heads = backward.Forward.Heads;
            Span<double> sums = new(sinkSums + tiles.Count, heads);
            sums.Clear();
            for (int tile = 0; tile < tiles.Count; tile++)
            {
                sums[tiles[tile].Head] += sinkSums[tile];
            }

            for (int head = 0; head < heads; head++)
            {
                backward.SinkGradient[head] = (float)sums[head];
            }
        }
    }
}
