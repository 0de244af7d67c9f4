using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of additive attention: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static class AdditivePass
{
    internal static void Forward<TMask>(in AdditiveProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new ForwardJob<TMask>(problem, mask, problem.Threads(options)));

    internal static void Weights<TMask>(in AdditiveProblem problem, in TMask mask, in Operand destination, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new WeightsJob<TMask>(problem, mask, destination, problem.Threads(options)));

    internal static void Backward<TMask>(in AdditiveGradientProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new BackwardJob<TMask>(problem, mask, problem.Forward.Threads(options)));

    /// <summary>The scores alone.</summary>
    internal static void Scores(in AdditiveProblem problem, in Operand destination, in AttentionOptions options) =>
        WidthJobs.Run(options.Width, new ScoresJob(problem, destination, problem.Threads(options)));

    /// <summary>The gradients of the scores alone, from the gradients of the scores.</summary>
    internal static void ScoresBackward(in AdditiveGradientProblem problem, in AttentionOptions options) =>
        WidthJobs.Run(options.Width, new ScoresBackwardJob(problem, problem.Forward.Threads(options)));

    private static WorkItems Items(in AttentionProblem attention, int rows) =>
        new(attention.Batch, attention.Heads, attention.QueryLength, rows);

    private readonly struct ForwardJob<TMask>(AdditiveProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            WorkItems items = Items(problem.Attention, AdditiveTile<TSimd, TVector, TMask>.MostRows);
            WorkerTeam.Run(new AdditiveForward<TSimd, TVector, TMask>(problem, mask, items), items.Count, threads);
        }
    }

    private readonly struct WeightsJob<TMask>(AdditiveProblem problem, TMask mask, Operand destination, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            WorkItems items = Items(problem.Attention, AdditiveTile<TSimd, TVector, TMask>.MostRows);
            WorkerTeam.Run(new AdditiveWeights<TSimd, TVector, TMask>(problem, mask, items, destination), items.Count, threads);
        }
    }

    /// <summary>Lets all lanes work and adds up what they leave.</summary>
    private static unsafe void RunLanes<TSimd, TVector, TMask, TSource>(
        in AdditiveGradientProblem problem, in TMask mask, in TSource source, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
        where TSource : struct, IScoreGradientSource<TSimd, TVector, TMask>
    {
        AttentionProblem attention = problem.Forward.Attention;
        LanePlan plan = new(attention, AdditiveTile<TSimd, TVector, TMask>.MostRows);
        using Scratch.Rental rental = Scratch.Rent(AdditiveParts.Floats(attention, plan));
        AdditiveParts parts = new(attention, plan, rental.Memory);
        WorkerTeam.Run(new AdditiveBackward<TSimd, TVector, TMask, TSource>(problem, mask, source, plan, parts), plan.Lanes, threads);
        AdditiveFold<TSimd, TVector>.Run(problem, parts, plan, threads);
    }

    private readonly struct BackwardJob<TMask>(AdditiveGradientProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            RunLanes<TSimd, TVector, TMask, AdditiveSoftmaxSource<TSimd, TVector, TMask>>(problem, mask, new(problem), threads);
    }

    private readonly struct ScoresJob(AdditiveProblem problem, Operand destination, int threads) : IWidthJob
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AdditiveBlocks<TSimd, TVector> blocks = new(problem, Items(problem.Attention, AdditiveTile<TSimd, TVector, NoMask>.MostRows), destination);
            WorkerTeam.Run(blocks, blocks.Count, threads);
        }
    }

    private readonly struct ScoresBackwardJob(AdditiveGradientProblem problem, int threads) : IWidthJob
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            RunLanes<TSimd, TVector, NoMask, AdditiveGivenSource<TSimd, TVector>>(problem, default, new(problem.ScoresGradient), threads);
    }
}
