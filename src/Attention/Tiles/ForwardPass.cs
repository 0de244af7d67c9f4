using Attention.Execution;
using Attention.Gemm;
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
        where TModifier : struct, IScoreModifier
    {
        switch (SimdWidths.Resolve(options.Width))
        {
            case SimdWidth.Vector512:
                Run<Simd512, System.Runtime.Intrinsics.Vector512<float>, TMask, TModifier>(problem, mask, modifier, options);
                break;
            case SimdWidth.Vector256:
                Run<Simd256, System.Runtime.Intrinsics.Vector256<float>, TMask, TModifier>(problem, mask, modifier, options);
                break;
            case SimdWidth.Vector128:
                Run<Simd128, System.Runtime.Intrinsics.Vector128<float>, TMask, TModifier>(problem, mask, modifier, options);
                break;
            default:
                Run<SimdScalar, float, TMask, TModifier>(problem, mask, modifier, options);
                break;
        }
    }

    private static void Run<TSimd, TVector, TMask, TModifier>(
        in AttentionProblem problem, in TMask mask, in TModifier modifier, in AttentionOptions options)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        int threads = Threads(problem, options);
        if (DecodePlan.AppliesToAny(problem))
        {
            Decode<TSimd, TVector, TMask, TModifier>(problem, mask, modifier, threads);
        }

        TilePlan plan = TilePlan.Forward(problem, MicroKernel.Columns<TSimd, TVector>(), threads);
        if (problem.IsPacked)
        {
            using Scratch.Rental rental = Scratch.Rent(problem.Batch + 1);
            WorkItems packed = new(
                problem.CumulativeQueryLengths, problem.Batch, problem.Heads, plan.TileRows, (int*)rental.Memory, skipDecoded: true);
            WorkerTeam.Run(new ForwardTile<TSimd, TVector, TMask, TModifier>(problem, mask, modifier, plan, packed), packed.Count, threads);
        }
        else if (!DecodePlan.Applies(problem.QueryLength))
        {
            WorkItems items = new(problem.Batch, problem.Heads, problem.QueryLength, plan.TileRows);
            WorkerTeam.Run(new ForwardTile<TSimd, TVector, TMask, TModifier>(problem, mask, modifier, plan, items), items.Count, threads);
        }
    }

    private static void Decode<TSimd, TVector, TMask, TModifier>(in AttentionProblem problem, in TMask mask, in TModifier modifier, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        DecodePlan plan = new(problem, TSimd.Count);
        using Scratch.Rental table = Scratch.Rent(plan.TableSize(problem.Batch));
        WorkerTeam.Run(
            new DecodePiece<TSimd, TVector, TMask, TModifier>(problem, mask, modifier, plan, table.Memory),
            checked(problem.Batch * problem.KeyValueHeads * plan.Pieces), threads);
        WorkerTeam.Run(new DecodeMerge<TSimd, TVector>(problem, plan, table.Memory), checked(problem.Batch * problem.Heads), threads);
    }

    /// <summary>The threads that are worth waking.</summary>
    internal static int Threads(in AttentionProblem problem, in AttentionOptions options)
    {
        double work = (double)problem.Batch * problem.Heads * problem.QueryLength * problem.KeyLength * (problem.HeadSize + problem.ValueSize);
        return work < SmallWork ? 1 : WorkerTeam.Threads(options.MaxDegreeOfParallelism);
    }
}
