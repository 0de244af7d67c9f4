using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels over given scores: chooses the width once and hands the rows to the threads.</summary>
internal static class ChoicePass
{
    internal static void Choose<TMask>(in ChoiceProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new ChoiceJob<TMask>(problem, mask, Threads(problem.Given, options)));

    internal static void HandOut(in ChoiceProblem problem, in ChosenResults results, in AttentionOptions options) =>
        WorkerTeam.Run(
            new ChosenRows(problem, results), problem.Given.Pieces,
            WidthJobs.Threads(problem.Given.Rows * results.ValueSize, options.MaxDegreeOfParallelism));

    internal static void ScoreGradients<TMask>(in ChoiceGradientProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new ScoreGradientJob<TMask>(problem, mask, Threads(problem.Given, options)));

    internal static void ValueGradients(in ChosenScatterProblem problem, in AttentionOptions options)
    {
        nint elements = (nint)problem.Batch * problem.Heads * problem.QueryLength * problem.ValueSize;
        WidthJobs.Run(options.Width, new ValueGradientJob(problem, WidthJobs.Threads(elements, options.MaxDegreeOfParallelism)));
    }

    internal static void Gumbel<TMask>(in GumbelProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new GumbelJob<TMask>(problem, mask, Threads(problem.Given, options)));

    private static int Threads(in GivenScores given, in AttentionOptions options) =>
        WidthJobs.Threads(given.Rows * given.KeyLength, options.MaxDegreeOfParallelism);

    private readonly struct ChoiceJob<TMask>(ChoiceProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new ChoiceRows<TSimd, TVector, TMask>(problem, mask), problem.Given.Pieces, threads);
    }

    private readonly struct ScoreGradientJob<TMask>(ChoiceGradientProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new ChoiceGradientRows<TSimd, TVector, TMask>(problem, mask), problem.Given.Pieces, threads);
    }

    private readonly struct ValueGradientJob(ChosenScatterProblem problem, int threads) : IWidthJob
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            ChosenScatter<TSimd, TVector> scatter = new(problem);
            WorkerTeam.Run(scatter, scatter.Count, threads);
        }
    }

    private readonly struct GumbelJob<TMask>(GumbelProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new GumbelRows<TSimd, TVector, TMask>(problem, mask), problem.Given.KeyLength == 0 ? 0 : problem.Given.Pieces, threads);
    }
}
