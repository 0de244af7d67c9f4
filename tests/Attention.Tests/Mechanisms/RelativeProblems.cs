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

    /// <summary>Random inputs, relative keys and biases for all distances.</summary>
    public static RelativeAttentionProblem<float> Unclipped(AttentionShape shape, bool isShared, int seed = 1)
    {
        Random random = new(seed + 200);
        int rows = Math.Max(0, shape.QueryLength + shape.KeyLength - 1);
        int tables = isShared ? 1 : shape.Heads;

        // The distances in the order of the rows, and the pair's own looked up among them.
        int[] distances = [.. Enumerable.Range(0, rows).Select(row => shape.QueryLength - 1 - row)];
        return new RelativeAttentionProblem<float>(
            AttentionProblems.Random(shape, seed).WithLogSumExpGradient(), rows, (query, key) => Array.IndexOf(distances, query - key))
        {
            KeyTableHeads = tables,
            KeyTable = AttentionProblems.Normal(random, tables * rows * shape.HeadSize),
            ContentBias = AttentionProblems.Normal(random, shape.Heads * shape.HeadSize),
            PositionBias = AttentionProblems.Normal(random, shape.Heads * shape.HeadSize),
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
        problem = problem.Masked(mask);
        problem = problem with { Attention = problem.Attention with { Scale = options.Scale } };
        using RelativeMemory memory = new(problem, offset, placement);
        memory.Forward(mask, options);
        memory.Backward(mask, options);
        RelativeAttentionLoops<double> reference = RelativeAttentionLoops<double>.Run(problem.To<double>());
        RelativeAttentionLoops<float> plain = RelativeAttentionLoops<float>.Run(problem);
        Compare(
            $"{problem.Attention.Shape} {problem.TableRows} rows, offset {offset}, {typeof(TMask).Name} {placement} {options.Width}",
            problem.Attention.Shape.RowCount, memory.Results(), Clipped(reference), Clipped(plain));
    }

    /// <summary>Runs all distances forward and backward, and compares everything.</summary>
    public static void CheckUnclipped<TMask>(
        RelativeAttentionProblem<float> problem, TMask mask, Placement placement = default, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        problem = problem.Masked(mask);
        problem = problem with { Attention = problem.Attention with { Scale = options.Scale } };
        using TransformerXlMemory memory = new(problem, placement);
        memory.Forward(mask, options);
        memory.Backward(mask, options);
        RelativeAttentionLoops<double> reference = RelativeAttentionLoops<double>.Run(problem.To<double>());
        RelativeAttentionLoops<float> plain = RelativeAttentionLoops<float>.Run(problem);
        Compare(
            $"{problem.Attention.Shape} {problem.KeyTableHeads} tables, {typeof(TMask).Name} {placement} {options.Width}",
            problem.Attention.Shape.RowCount, memory.Results(), Unclipped(reference), Unclipped(plain));
    }

    private static void Compare(
        string problem, int rows, IEnumerable<(string Name, float[] Numbers)> actual, IEnumerable<RelativeTensor<double>> reference,
        IEnumerable<RelativeTensor<float>> plain)
    {
        foreach ((((string name, float[] numbers), RelativeTensor<double> expected), RelativeTensor<float> yardstick) in actual.Zip(reference).Zip(plain))
        {
            Tolerance.Mechanism($"{name} of {problem}", numbers, expected.Sums, yardstick.Sums, expected.Sensitivity, rows);
        }
    }

    private static IEnumerable<RelativeTensor<T>> Clipped<T>(RelativeAttentionLoops<T> loops)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> =>
        [loops.Output, loops.LogSumExp, loops.Query, loops.Key, loops.Value, loops.KeyTable, loops.ValueTable];

    private static IEnumerable<RelativeTensor<T>> Unclipped<T>(RelativeAttentionLoops<T> loops)
        where T : unmanaged, System.Numerics.IFloatingPointIeee754<T> =>
        [loops.Output, loops.LogSumExp, loops.Query, loops.Key, loops.Value, loops.KeyTable, loops.ContentBias, loops.PositionBias];
}
