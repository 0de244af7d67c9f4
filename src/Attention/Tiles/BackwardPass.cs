using System.Runtime.Intrinsics;
using Attention.Execution;
using Attention.Gemm;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the backward kernels: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static unsafe class BackwardPass
{
    internal static void Run<TMask, TModifier>(
        in BackwardProblem backward, in TMask mask, in TModifier modifier, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        switch (SimdWidths.Resolve(options.Width))
        {
            case SimdWidth.Vector512:
                Run<Simd512, Vector512<float>, TMask, TModifier>(backward, mask, modifier, options);
                break;
            case SimdWidth.Vector256:
                Run<Simd256, Vector256<float>, TMask, TModifier>(backward, mask, modifier, options);
                break;
            case SimdWidth.Vector128:
                Run<Simd128, Vector128<float>, TMask, TModifier>(backward, mask, modifier, options);
                break;
            default:
                Run<SimdScalar, float, TMask, TModifier>(backward, mask, modifier, options);
                break;
        }
    }

    private static void Run<TSimd, TVector, TMask, TModifier>(
        in BackwardProblem given, in TMask mask, in TModifier modifier, in AttentionOptions options)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        BackwardProblem backward = given;
        ref AttentionProblem problem = ref backward.Forward;
        int threads = ForwardPass.Threads(problem, options);
        BackwardPlan plan = new(
            problem.QueryLength, problem.KeyLength, problem.HeadSize, problem.ValueSize, MicroKernel.Columns<TSimd, TVector>());

        nint rows = problem.IsPacked ? problem.CumulativeQueryLengths[problem.Batch] : problem.QueryLength;
        nint deltas = (problem.IsPacked ? 1 : problem.Batch) * problem.Heads * rows;
        nint turns = (nint)problem.Batch * problem.Heads * plan.Tiles;
        using Scratch.Rental rental = Scratch.Rent(deltas + turns + 1 + problem.Batch + 1);
        backward.Delta = new Operand
        {
            Address = rental.Memory,
            BatchStride = problem.IsPacked ? 0 : problem.Heads * rows,
            HeadStride = rows,
            RowStride = 1,
        };
        backward.Turns = (int*)(rental.Memory + deltas);
        backward.Failed = backward.Turns + turns;
        new Span<int>(backward.Turns, checked((int)turns + 1)).Clear();

        WorkItems tiles = problem.IsPacked
            ? new WorkItems(problem.CumulativeQueryLengths, problem.Batch, problem.Heads, BackwardPlan.QueryTile, backward.Failed + 1, skipDecoded: false)
            : new WorkItems(problem.Batch, problem.Heads, problem.QueryLength, BackwardPlan.QueryTile);
        WorkerTeam.Run(new BackwardRows<TSimd, TVector>(backward, tiles), tiles.Count, threads);
        BackwardItems items = new(backward, plan);
        WorkerTeam.Run(new BackwardBlock<TSimd, TVector, TMask, TModifier>(backward, mask, modifier, plan, items), items.Count, threads);
        if (backward.SinkGradient != null)
        {
            SinkGradient(backward);
        }
    }

    /// <summary>
    /// The sink takes the weight exp(sink - logSumExp) of each row and gives no value, so its score gradient is
    /// -weight (sum(dO o) - dLSE), summed over batch and rows in their order.
    /// </summary>
    private static void SinkGradient(in BackwardProblem backward)
    {
        ref readonly AttentionProblem problem = ref backward.Forward;
        for (int head = 0; head < problem.Heads; head++)
        {
            double sum = 0;
            for (int batch = 0; batch < problem.Batch; batch++)
            {
                float* logSumExp = problem.QuerySide(problem.LogSumExp, batch, head);
                float* delta = problem.QuerySide(backward.Delta, batch, head);
                int rows = problem.QueryLengthOf(batch);
                for (int row = 0; row < rows; row++)
                {
                    float sink = problem.SinkLogits[head];
                    float weight = sink == float.NegativeInfinity ? 0 : MathF.Exp(sink - logSumExp[row * problem.LogSumExp.RowStride]);
                    sum -= weight == 0 ? 0 : (double)weight * delta[row];
                }
            }

            backward.SinkGradient[head] = (float)sum;
        }
    }
}
