using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernel that writes scores out: chooses the width once and hands the rows to the threads.</summary>
internal static class ScorePass
{
    internal static void Run<TMask, TModifier>(
        in AttentionProblem problem, in TMask mask, in TModifier modifier, in ScoreRequest request, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier =>
        WidthJobs.Run(options.Width, new Job<TMask, TModifier>(problem, mask, modifier, request, ForwardPass.Threads(problem, options)));

    private readonly struct Job<TMask, TModifier>(
        AttentionProblem problem, TMask mask, TModifier modifier, ScoreRequest request, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            ScoreRows<TSimd, TVector, TMask, TModifier> rows = new(problem, mask, modifier, request);
            WorkerTeam.Run(rows, rows.Count, threads);
        }
    }
}
