using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of additive attention: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static unsafe class AdditivePass
{
    /// <summary>Computes the output, or the weights where there is somewhere to write them.</summary>
    internal static void Forward<TMask>(in AdditiveProblem problem, in TMask mask, in Operand weights, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new ForwardJob<TMask>(problem, mask, weights, ForwardPass.Threads(problem.Attention, options)));

    internal static void Backward<TMask>(in AdditiveGradientProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new BackwardJob<TMask>(problem, mask, ForwardPass.Threads(problem.Forward.Attention, options)));

    private readonly struct ForwardJob<TMask>(AdditiveProblem problem, TMask mask, Operand weights, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AttentionProblem attention = problem.Attention;
            WorkItems items = new(attention.Batch, attention.Heads, attention.QueryLength, AdditiveTile<TSimd, TVector>.MostRows);
            WorkerTeam.Run(new AdditiveForward<TSimd, TVector, TMask>(problem, mask, items, weights), items.Count, threads);
        }
    }

    private readonly struct BackwardJob<TMask>(AdditiveGradientProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AttentionProblem attention = problem.Forward.Attention;
            RelativePlan plan = new(attention, AdditiveTile<TSimd, TVector>.MostRows);
            nint keyFloats = (nint)attention.KeyLength * attention.HeadSize;
            nint valueFloats = (nint)attention.KeyLength * attention.ValueSize;
            using Scratch.Rental sums = Scratch.Rent((nint)plan.Lanes * attention.HeadSize);
            using Scratch.Rental parts = Scratch.Rent(plan.PartsInMemory * (keyFloats + valueFloats));
            Operand keyParts = new() { Address = parts.Memory, BatchStride = keyFloats, RowStride = attention.HeadSize };
            Operand valueParts = new()
            {
                Address = parts.Memory + plan.PartsInMemory * keyFloats,
                BatchStride = valueFloats,
                RowStride = attention.ValueSize,
            };
            WorkerTeam.Run(
                new AdditiveBackward<TSimd, TVector, TMask>(problem, mask, plan, sums.Memory, keyParts, valueParts), plan.Lanes, threads);
            RelativeFold<TSimd, TVector>.Run(
                new Operand { Address = sums.Memory }, problem.ScoreVectorGradient, 1, 1, 1, attention.HeadSize, attention.HeadSize, plan.Lanes, threads);
            if (plan.IsSpread)
            {
                RelativeFold<TSimd, TVector>.RunParts(keyParts, problem.KeyGradient, attention, plan.Parts, attention.HeadSize, threads);
                RelativeFold<TSimd, TVector>.RunParts(valueParts, problem.ValueGradient, attention, plan.Parts, attention.ValueSize, threads);
            }
        }
    }
}
