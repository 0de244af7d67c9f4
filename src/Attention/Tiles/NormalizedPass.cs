using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of attention with any normaliser: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static unsafe class NormalizedPass
{
    internal static void Forward<TMask, TModifier, TNormalizer>(
        in AttentionProblem problem, in Operand weights, in TMask mask, in TModifier modifier, in TNormalizer normalizer, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer =>
        WidthJobs.Run(
            options.Width,
            new ForwardJob<TMask, TModifier, TNormalizer>(problem, weights, mask, modifier, normalizer, ForwardPass.Threads(problem, options)));

    internal static void Backward<TMask, TModifier, TNormalizer>(
        in NormalizedProblem problem, in TMask mask, in TModifier modifier, in TNormalizer normalizer, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer =>
        WidthJobs.Run(
            options.Width,
            new BackwardJob<TMask, TModifier, TNormalizer>(problem, mask, modifier, normalizer, ForwardPass.Threads(problem.Attention, options)));

    private readonly struct ForwardJob<TMask, TModifier, TNormalizer>(
        AttentionProblem problem, Operand weights, TMask mask, TModifier modifier, TNormalizer normalizer, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            WorkItems items = new(problem.Batch, problem.Heads, problem.QueryLength, NormalizedTile<TSimd, TVector>.MostRows);
            WorkerTeam.Run(
                new NormalizedForward<TSimd, TVector, TMask, TModifier, TNormalizer>(problem, weights, mask, modifier, normalizer, items),
                items.Count, threads);
        }
    }

    private readonly struct BackwardJob<TMask, TModifier, TNormalizer>(
        NormalizedProblem problem, TMask mask, TModifier modifier, TNormalizer normalizer, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AttentionProblem attention = problem.Attention;
            LanePlan plan = new(attention, NormalizedTile<TSimd, TVector>.MostRows);
            nint keyFloats = problem.KeyGradient.IsPresent ? (nint)attention.KeyLength * attention.HeadSize : 0;
            nint valueFloats = problem.ValueGradient.IsPresent ? (nint)attention.KeyLength * attention.ValueSize : 0;
            using Scratch.Rental keys = Scratch.Rent(plan.PartsInMemory * keyFloats);
            using Scratch.Rental values = Scratch.Rent(plan.PartsInMemory * valueFloats);
            Operand keyParts = Parts(problem.KeyGradient, keys.Memory, keyFloats, attention.HeadSize);
            Operand valueParts = Parts(problem.ValueGradient, values.Memory, valueFloats, attention.ValueSize);
            WorkerTeam.Run(
                new NormalizedBackward<TSimd, TVector, TMask, TModifier, TNormalizer>(
                    problem, mask, modifier, normalizer, plan, keyParts, valueParts),
                plan.Lanes, threads);
            if (plan.IsSpread)
            {
                GradientFold<TSimd, TVector>.RunParts(keyParts, problem.KeyGradient, attention, plan.Parts, attention.HeadSize, threads);
                GradientFold<TSimd, TVector>.RunParts(valueParts, problem.ValueGradient, attention, plan.Parts, attention.ValueSize, threads);
            }
        }

        private static Operand Parts(in Operand gradient, float* memory, nint floats, int size) =>
            gradient.IsPresent ? new Operand { Address = memory, BatchStride = floats, RowStride = size } : default;
    }
}
