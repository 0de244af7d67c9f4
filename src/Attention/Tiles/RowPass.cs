using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Normalises rows of scores that are given: chooses the width once and hands runs of rows to the threads.</summary>
internal static class RowPass
{
    internal static void Run<TMask, TNormalizer>(
        in RowProblem problem, in TMask mask, in TNormalizer normalizer, bool isBackward, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TNormalizer : struct, INormalizer =>
        WidthJobs.Run(options.Width, new Job<TMask, TNormalizer>(problem, mask, normalizer, isBackward, options.MaxDegreeOfParallelism));

    private readonly struct Job<TMask, TNormalizer>(
        RowProblem problem, TMask mask, TNormalizer normalizer, bool isBackward, int maxDegreeOfParallelism) : IWidthJob
        where TMask : struct, IAttentionMask
        where TNormalizer : struct, INormalizer
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            RowPieces<TSimd, TVector, TMask, TNormalizer> pieces = new(problem, mask, normalizer, isBackward);
            WorkerTeam.Run(pieces, pieces.Count, WidthJobs.Threads(pieces.Elements, maxDegreeOfParallelism));
        }
    }
}
