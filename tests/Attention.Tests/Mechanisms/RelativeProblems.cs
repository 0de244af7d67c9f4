using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Problems of attention by distances, and comparisons with the reference.</summary>
internal static class RelativeProblems
{
    /// <summary>Random inputs and tables for the distances from -k to k.</summary>
    public static RelativeAttentionProblem<float> Clipped(
        AttentionShape shape, int k, int offset = 0, bool hasKeyTable = true, bool hasValueTable = true, int seed = 1)
    {
        Random random = new(seed + 100);
        int rows = (2 * k) + 1;
        return new RelativeAttentionProblem<float>(
            AttentionProblems.Random(shape, seed).WithLogSumExpGradient(), rows, (query, key) => (int)Math.Clamp((long)key - query - offset, -k, k) + k)
        {
            KeyTable = hasKeyTable ? AttentionProblems.Normal(random, rows * shape.HeadSize) : null,
            ValueTable = hasValueTable ? AttentionProblems.Normal(random, rows * shape.ValueSize) : null,
        };
    }

    /// <summary>The problem with a mask.</summary>
    public static RelativeAttentionProblem<float> Masked<TMask>(this RelativeAttentionProblem<float> problem, TMask mask)
        where TMask : struct, IAttentionMask => problem with
        {
            Attention = problem.Attention with { Mask = (batch, head, query, key) => mask.Allows(batch, head, query, key) },
        };

    /// <summary>Runs clipped distances forward and backward, and compares everything.</summary>
    public static void Check<TMask>(
        RelativeAttentionProblem<float> problem, int offset, TMask mask, Placement placement = default, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        problem = problem.Masked(mask) with { };
        problem = problem with { Attention = problem.Attention with { Scale = options.Scale } };
        using RelativeMemory memory = new(problem, offset, placement);
        memory.Forward(mask, options);
        memory.Backward(mask, options);
        RelativeAttentionLoops<double> reference = RelativeAttentionLoops<double>.Run(problem.To<double>());
        RelativeAttentionLoops<float> plain = RelativeAttentionLoops<float>.Run(problem);
        Compare(
            $"{problem.Attention.Shape} {problem.TableRows} rows, offset {offset}, {typeof(TMask).Name} {placement} {options.Width}",
            problem.Attention.Shape.RowCount, memory.Results(), Tensors(reference), Tensors(plain));
    }

    public static void Compare(
        string problem, int rows, IEnumerable<(string Name, float[] Numbers)> actual, IEnumerable<RelativeTensor<double>> reference,
        IEnumerable<RelativeTensor<float>> plain)
    {
        foreach ((((string name, float[] numbers), RelativeTensor<double> expected), RelativeTensor<float> yardstick) in actual.Zip(reference).Zip(plain))
        {
            Tolerance.Mechanism($"{name} of {problem}", numbers, expected.Sums, yardstick.Sums, expected.Sensitivity, rows);
        }
    }

    private static IEnumerable<RelativeTensor<T>> Tensors<T>(RelativeAttentionLoops<T> loops)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> =>
        [loops.Output, loops.LogSumExp, loops.Query, loops.Key, loops.Value, loops.KeyTable, loops.ValueTable];
}
