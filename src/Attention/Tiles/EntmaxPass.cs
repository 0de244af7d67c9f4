using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs entmax over given scores: chooses the width once, hands runs of rows to the threads, and sums what comes to alpha.</summary>
internal static unsafe class EntmaxPass
{
    internal static void Run<TMask>(in EntmaxProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new Job<TMask>(problem, mask, options.MaxDegreeOfParallelism));

    /// <summary>Adds up the gradients of rows, those of one alpha in the order of batch elements, heads and queries.</summary>
    /// <param name="problem">The problem, whose rows have their gradients.</param>
    /// <param name="destination">Overwritten: one number for all heads or one for each.</param>
    internal static void SumAlphaGradients(in EntmaxProblem problem, Span<float> destination)
    {
        int heads = problem.Rows.Heads;
        for (int alpha = 0; alpha < destination.Length; alpha++)
        {
            double sum = 0;
            for (int pair = problem.IsOneAlpha ? 0 : alpha; pair < problem.Rows.Batch * heads; pair += problem.IsOneAlpha ? 1 : heads)
            {
                for (int query = 0; query < problem.Rows.QueryLength; query++)
                {
                    sum += problem.AlphaGradients[(nint)pair * problem.Rows.QueryLength + query];
                }
            }

            destination[alpha] = (float)sum;
        }
    }

    private readonly struct Job<TMask>(EntmaxProblem problem, TMask mask, int maxDegreeOfParallelism) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            EntmaxRows<TSimd, TVector, TMask> rows = new(problem, mask);
            WorkerTeam.Run(rows, rows.Count, WidthJobs.Threads(rows.Elements, maxDegreeOfParallelism));
        }
    }
}
