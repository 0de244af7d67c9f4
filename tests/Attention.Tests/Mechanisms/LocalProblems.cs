using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Problems of attention to windows, and comparisons with the reference.</summary>
internal static class LocalProblems
{
    /// <summary>Random inputs; positions all over the keys and a little beyond.</summary>
    public static LocalAttentionProblem<float> Random(AttentionShape shape, int halfWidth, bool isGaussian, int seed = 1)
    {
        Random random = new(seed + 300);
        float[] positions = [.. Enumerable.Range(0, shape.Batch * shape.QueryLength).Select(_ => (float)((random.NextDouble() * (shape.KeyLength + 2)) - 1))];
        return new LocalAttentionProblem<float>(AttentionProblems.Random(shape, seed).WithLogSumExpGradient(), positions, halfWidth, isGaussian);
    }

    /// <summary>The problem with a mask.</summary>
    public static LocalAttentionProblem<float> Masked<TMask>(this LocalAttentionProblem<float> problem, TMask mask)
        where TMask : struct, IAttentionMask => problem with
        {
            Attention = problem.Attention with { Mask = (batch, head, query, key) => mask.Allows(batch, head, query, key) },
        };

    /// <summary>Runs everything, and compares it with the reference.</summary>
    public static void Check<TMask>(
        LocalAttentionProblem<float> problem, TMask mask, Placement placement = default, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        problem = problem.Masked(mask);
        problem = problem with { Attention = problem.Attention with { Scale = options.Scale } };
        using LocalMemory memory = new(problem, placement);
        memory.Run(mask, options);
        LocalAttentionLoops<double> reference = LocalAttentionLoops<double>.Run(problem.To<double>());
        LocalAttentionLoops<float> plain = LocalAttentionLoops<float>.Run(problem);
        string name = $"{problem.Attention.Shape} D {problem.HalfWidth} {problem.IsGaussian}, {typeof(TMask).Name} {placement} {options.Width}";
        foreach (((string result, float[] numbers), (RelativeTensor<double> expected, RelativeTensor<float> yardstick)) in memory.Results()
            .Zip(Tensors(reference).Zip(Tensors(plain))))
        {
            if (result != "weights" || options.Dropout == 0)
            {
                Tolerance.Mechanism(
                    $"{result} of {name}", numbers, expected.Sums, yardstick.Sums, expected.Sensitivity, problem.Attention.Shape.RowCount);
            }
        }
    }

    private static IEnumerable<RelativeTensor<T>> Tensors<T>(LocalAttentionLoops<T> loops)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> =>
        [loops.Output, loops.LogSumExp, loops.Weights, loops.Query, loops.Key, loops.Value, loops.Position];
}
