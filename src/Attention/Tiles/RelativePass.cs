using Attention.Execution;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of relative attention: chooses the width once, cuts the work, hands it to the threads.</summary>
internal static unsafe class RelativePass
{
    internal static void Forward<TMask>(in RelativeProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new ForwardJob<TMask>(problem, mask, ForwardPass.Threads(problem.Attention, options)));

    internal static void Backward<TMask>(in RelativeGradientProblem problem, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        WidthJobs.Run(options.Width, new BackwardJob<TMask>(problem, mask, ForwardPass.Threads(problem.Forward.Attention, options)));

    private readonly struct ForwardJob<TMask>(RelativeProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AttentionProblem attention = problem.Attention;
            WorkItems items = new(attention.Batch, attention.Heads, attention.QueryLength, RelativeTile<TSimd, TVector>.MostRows);
            WorkerTeam.Run(new RelativeForward<TSimd, TVector, TMask>(problem, mask, items), items.Count, threads);
        }
    }

    private readonly struct BackwardJob<TMask>(RelativeGradientProblem problem, TMask mask, int threads) : IWidthJob
        where TMask : struct, IAttentionMask
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            AttentionProblem attention = problem.Forward.Attention;
            LanePlan plan = new(attention, RelativeTile<TSimd, TVector>.MostRows);
            nint keyFloats = (nint)attention.KeyLength * attention.HeadSize;
            nint valueFloats = (nint)attention.KeyLength * attention.ValueSize;
            using Scratch.Rental sums = Scratch.Rent(plan.Lanes * problem.Forward.TableFloats);
            using Scratch.Rental parts = Scratch.Rent(plan.PartsInMemory * (keyFloats + valueFloats));
            Operand keyParts = new() { Address = parts.Memory, BatchStride = keyFloats, RowStride = attention.HeadSize };
            Operand valueParts = new()
            {
                Address = parts.Memory + plan.PartsInMemory * keyFloats,
                BatchStride = valueFloats,
                RowStride = attention.ValueSize,
            };
            WorkerTeam.Run(
                new RelativeBackward<TSimd, TVector, TMask>(problem, mask, plan, sums.Memory, keyParts, valueParts), plan.Lanes, threads);
            RelativeSums.Fold<TSimd, TVector>(problem, sums.Memory, plan.Lanes, threads);
            if (plan.IsSpread)
            {
                GradientFold<TSimd, TVector>.RunParts(keyParts, problem.KeyGradient, attention, plan.Parts, attention.HeadSize, threads);
                GradientFold<TSimd, TVector>.RunParts(valueParts, problem.ValueGradient, attention, plan.Parts, attention.ValueSize, threads);
            }
        }
    }
}
