using System.Numerics;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Problems of additive attention, and comparisons with the reference.</summary>
internal static class AdditiveProblems
{
    /// <summary>Random inputs; queries and keys are multiplied by <paramref name="factor"/>.</summary>
    public static AdditiveAttentionProblem<float> Random(AttentionShape shape, float factor = 1, int seed = 1)
    {
        AttentionProblem<float> attention = AttentionProblems.Random(shape, seed, factor);
        attention = attention with { Key = Array.ConvertAll(attention.Key, number => number * factor) };
        return new AdditiveAttentionProblem<float>(attention, AttentionProblems.Normal(new Random(seed + 100), shape.HeadSize, 0.5f));
    }

    /// <summary>The problem with a mask.</summary>
    public static AdditiveAttentionProblem<float> Masked<TMask>(this AdditiveAttentionProblem<float> problem, TMask mask)
        where TMask : struct, IAttentionMask => problem with
        {
            Attention = problem.Attention with { Mask = (batch, head, query, key) => mask.Allows(batch, head, query, key) },
        };

    /// <summary>Runs everything and compares everything.</summary>
    public static void Check<TMask>(
        AdditiveAttentionProblem<float> problem, TMask mask, Placement placement = default, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        problem = problem.Masked(mask);
        using AdditiveMemory memory = new(problem, placement);
        memory.Run(mask, options);
        IEnumerable<RelativeTensor<double>> reference = Results(AdditiveAttentionLoops<double>.Run(problem.To<double>()));
        IEnumerable<RelativeTensor<float>> plain = Results(AdditiveAttentionLoops<float>.Run(problem));
        string text = $"{problem.Attention.Shape}, {typeof(TMask).Name} {placement} {options.Width}";
        foreach ((((string name, float[] numbers), RelativeTensor<double> expected), RelativeTensor<float> yardstick) in
            memory.Results().Zip(reference).Zip(plain))
        {
            Tolerance.Mechanism(
                $"{name} of {text}", numbers, expected.Sums, yardstick.Sums, expected.Sensitivity, problem.Attention.Shape.RowCount);
        }
    }

    private static IEnumerable<RelativeTensor<T>> Results<T>(AdditiveAttentionLoops<T> loops)
        where T : unmanaged, IFloatingPointIeee754<T> =>
        [loops.Output, loops.LogSumExp, loops.Weights, loops.Query, loops.Key, loops.Value, loops.ScoreVector];
}
