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

    internal static void Softmax<TMask>(in SoftmaxProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new SoftmaxJob<TMask>(problem, mask, Threads(problem.Given, options)));

    internal static void SoftmaxGradients(in SoftmaxGradientProblem problem, in AttentionOptions options) =>
        WidthJobs.Run(options.Width, new SoftmaxGradientJob(problem, Threads(problem.Weights, options)));

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

    private readonly struct SoftmaxJob<TMask>(SoftmaxProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new SoftmaxRows<TSimd, TVector, TMask>(problem, mask), problem.Given.Pieces, threads);
    }

    private readonly struct SoftmaxGradientJob(SoftmaxGradientProblem problem, int threads) : IWidthJob
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new SoftmaxGradientRows<TSimd, TVector>(problem), problem.Weights.Pieces, threads);
    }
}
