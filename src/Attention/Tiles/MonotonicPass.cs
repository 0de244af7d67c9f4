using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of monotonic attention: chooses the width once, hands heads, or runs of rows, to the threads.</summary>
internal static class MonotonicPass
{
    internal static void Alignment<TMask>(in MonotonicProblem problem, in TMask mask, bool isBackward, bool isHard, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new AlignmentJob<TMask>(problem, mask, isBackward, isHard, options.MaxDegreeOfParallelism));

    internal static void Chunks<TMask>(in MonotonicProblem problem, in TMask mask, bool isBackward, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new ChunkJob<TMask>(problem, mask, isBackward, options.MaxDegreeOfParallelism));

    private readonly struct AlignmentJob<TMask>(
        MonotonicProblem problem, TMask mask, bool isBackward, bool isHard, int maxDegreeOfParallelism) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(
                new MonotonicHead<TSimd, TVector, TMask>(problem, mask, isBackward, isHard), checked(problem.Batch * problem.Heads),
                WidthJobs.Threads((nint)problem.Work, maxDegreeOfParallelism));
    }

    private readonly struct ChunkJob<TMask>(MonotonicProblem problem, TMask mask, bool isBackward, int maxDegreeOfParallelism) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            ChunkRows<TSimd, TVector, TMask> rows = new(problem, mask, isBackward);
            WorkerTeam.Run(rows, rows.Count, WidthJobs.Threads((nint)problem.Work * problem.ChunkWidth, maxDegreeOfParallelism));
        }
    }
}
