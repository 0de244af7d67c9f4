using System.Runtime.Intrinsics;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernel that writes scores out: chooses the width once and hands the rows to the threads.</summary>
internal static class ScorePass
{
    internal static void Run<TMask, TModifier>(
        in AttentionProblem problem, in TMask mask, in TModifier modifier, in ScoreRequest request, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        switch (SimdWidths.Resolve(options.Width))
        {
            case SimdWidth.Vector512:
                Run<Simd512, Vector512<float>, TMask, TModifier>(problem, mask, modifier, request, options);
                break;
            case SimdWidth.Vector256:
                Run<Simd256, Vector256<float>, TMask, TModifier>(problem, mask, modifier, request, options);
                break;
            case SimdWidth.Vector128:
                Run<Simd128, Vector128<float>, TMask, TModifier>(problem, mask, modifier, request, options);
                break;
            default:
                Run<SimdScalar, float, TMask, TModifier>(problem, mask, modifier, request, options);
                break;
        }
    }

    private static void Run<TSimd, TVector, TMask, TModifier>(
        in AttentionProblem problem, in TMask mask, in TModifier modifier, in ScoreRequest request, in AttentionOptions options)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ScoreRows<TSimd, TVector, TMask, TModifier> rows = new(problem, mask, modifier, request);
        WorkerTeam.Run(rows, rows.Count, ForwardPass.Threads(problem, options));
    }
}
