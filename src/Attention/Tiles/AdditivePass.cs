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

    private readonly struct BackwardJob<TMask>(AdditiveGradientProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public unsafe void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AttentionProblem attention = problem.Forward.Attention;
            LanePlan plan = new(attention, AdditiveTile<TSimd, TVector, TMask>.MostRows);
            using Scratch.Rental rental = Scratch.Rent(AdditiveParts.Floats(attention, plan));
            AdditiveParts parts = new(attention, plan, rental.Memory);
            WorkerTeam.Run(new AdditiveBackward<TSimd, TVector, TMask>(problem, mask, plan, parts), plan.Lanes, threads);
            AdditiveFold<TSimd, TVector>.Run(problem, parts, plan, threads);
        }
    }
}
