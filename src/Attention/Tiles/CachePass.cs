using System.Runtime.Intrinsics;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs attention over a cache: chooses width and storage once, cuts the work, hands it to the threads.</summary>
internal static unsafe class CachePass
{
    /// <summary>Below this many multiply-adds a second thread costs more than it gives.</summary>
    private const double SmallWork = 1 << 18;

    internal static void Run<TModifier>(in CacheProblem problem, in TModifier modifier, in AttentionOptions options)
        where TModifier : struct, IScoreModifier
    {
        switch (SimdWidths.Resolve(options.Width))
        {
            case SimdWidth.Vector512:
                Run<Simd512, Vector512<float>, TModifier>(problem, modifier, options);
                break;
            case SimdWidth.Vector256:
                Run<Simd256, Vector256<float>, TModifier>(problem, modifier, options);
                break;
            case SimdWidth.Vector128:
                Run<Simd128, Vector128<float>, TModifier>(problem, modifier, options);
                break;
            default:
                Run<SimdScalar, float, TModifier>(problem, modifier, options);
                break;
        }
    }

    private static void Run<TSimd, TVector, TModifier>(in CacheProblem problem, in TModifier modifier, in AttentionOptions options)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TModifier : struct, IScoreModifier
    {
        if (problem.Layout.ElementBytes == Float32Storage.Bytes)
        {
            Run<TSimd, TVector, Float32Storage, TModifier>(problem, modifier, options);
        }
        else if (problem.Layout.ElementBytes == BFloat16Storage.Bytes)
        {
            Run<TSimd, TVector, BFloat16Storage, TModifier>(problem, modifier, options);
        }
        else
        {
            Run<TSimd, TVector, Int8Storage, TModifier>(problem, modifier, options);
        }
    }

    private static void Run<TSimd, TVector, TStorage, TModifier>(in CacheProblem problem, in TModifier modifier, in AttentionOptions options)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TStorage : struct, ICacheStorage
        where TModifier : struct, IScoreModifier
    {
        ClearOthers(problem);
        int threads = Threads(problem, options);
        CachePlan plan = new(problem, threads);
        if (!plan.IsSplit)
        {
            WorkerTeam.Run(
                new CacheTile<TSimd, TVector, TStorage, TModifier>(problem, modifier, plan),
                CacheTile<TSimd, TVector, TStorage, TModifier>.Count(problem, plan), threads);
            return;
        }

        int heads = checked(problem.Batch * problem.Layout.KeyValueHeads);
        using Scratch.Rental table = Scratch.Rent(plan.TableSize(problem));
        WorkerTeam.Run(
            new CachePieces<TSimd, TVector, TStorage, TModifier>(problem, modifier, plan, table.Memory), checked(heads * plan.Pieces), threads);
        WorkerTeam.Run(new CacheMerge<TSimd, TVector>(problem, plan, table.Memory), heads, threads);
    }

    /// <summary>Queries past those of a batch element give zeros, and negative infinity as log-sum-exp.</summary>
    private static void ClearOthers(in CacheProblem problem)
    {
        for (int batch = 0; batch < problem.Batch; batch++)
        {
            for (int query = problem.Views[batch].Count; query < problem.QueryLength; query++)
            {
                for (int head = 0; head < problem.Heads; head++)
                {
                    new Span<float>(problem.Output.At(batch, head, query), problem.Layout.ValueSize).Clear();
                    if (problem.LogSumExp.IsPresent)
                    {
                        *problem.LogSumExp.At(batch, head, query) = float.NegativeInfinity;
                    }
                }
            }
        }
    }

    /// <summary>The threads that are worth waking.</summary>
    private static int Threads(in CacheProblem problem, in AttentionOptions options)
    {
        double work = 0;
        for (int batch = 0; batch < problem.Batch; batch++)
        {
            work += (double)problem.Views[batch].Count * problem.Views[batch].Length;
        }

        work *= (double)problem.Heads * (problem.Layout.HeadSize + problem.Layout.ValueSize);
        return work < SmallWork ? 1 : WorkerTeam.Threads(options.MaxDegreeOfParallelism);
    }
}
