using Attention.Execution;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of additive scores.</summary>
internal static class AdditiveScorePass
{
    internal static void Forward(in AdditiveScoreProblem problem, in AttentionOptions options) =>
        WidthJobs.Run(options.Width, new Job(problem, isBackward: false, Threads(problem, options)));

    internal static void Backward(in AdditiveScoreProblem problem, in AttentionOptions options) =>
        WidthJobs.Run(options.Width, new Job(problem, isBackward: true, Threads(problem, options)));

    private static int Threads(in AdditiveScoreProblem problem, in AttentionOptions options) => WidthJobs.Threads(
        (nint)problem.Batch * problem.Heads * problem.QueryLength * problem.KeyLength * problem.HiddenSize, options.MaxDegreeOfParallelism);

    private readonly struct Job(AdditiveScoreProblem problem, bool isBackward, int threads) : IWidthJob
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            if (isBackward)
            {
                AdditiveScoreGradients<TSimd, TVector> gradients = new(problem);
                WorkerTeam.Run(gradients, gradients.Count, threads);
            }
            else
            {
                AdditiveScoreTile<TSimd, TVector> tile = new(problem);
                WorkerTeam.Run(tile, tile.Count, threads);
            }
        }
    }
}
