using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Problems of additive attention in memory, and comparisons with the reference.</summary>
internal static class AdditiveProblems
{
    private const double Roundoff = 1.0 / (1 << 24);
    private const int Trials = 8;

    public static AdditiveAttentionLoops<float> Random(AttentionShape shape, int seed = 1, float scale = 1)
    {
        Random random = new(seed);
        return new AdditiveAttentionLoops<float>(shape)
        {
            Query = Numbers(shape.QueryCount),
            Key = Numbers(shape.KeyCount),
            ScoreVector = AttentionProblems.Normal(random, shape.HeadSize),
            Value = AttentionProblems.Normal(random, shape.ValueCount),
            OutputGradient = AttentionProblems.Normal(random, shape.OutputCount),
        };

        float[] Numbers(int count) => Array.ConvertAll(AttentionProblems.Normal(random, count), x => x * scale);
    }

    /// <summary>Runs a problem forward and backward, and compares everything.</summary>
    public static void Check<TMask>(AdditiveAttentionLoops<float> problem, TMask mask, Placement placement = default, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        problem = problem with { Mask = (batch, head, query, key) => mask.Allows(batch, head, query, key) };
        AdditiveAttentionLoops<double> exact = problem.To<double>();
        double[][] reference = [.. exact.Run().Select(static result => result.Numbers)];
        double[] sensitivity = Sensitivity(exact, reference);
        float[][] plain = [.. problem.Run().Select(static result => result.Numbers)];
        (string Name, float[] Numbers)[] actual = Run(problem, mask, placement, options);
        for (int i = 0; i < actual.Length; i++)
        {
            Tolerance.Mechanism(
                $"{actual[i].Name} of {problem.Shape} {typeof(TMask).Name} {placement} {options.Width}", actual[i].Numbers, reference[i], plain[i],
                sensitivity[i], problem.Shape.RowCount);
        }
    }

    /// <summary>What the mechanism gives, in the order of the reference.</summary>
    public static (string Name, float[] Numbers)[] Run<TMask>(
        AdditiveAttentionLoops<float> problem, in TMask mask, Placement placement = default, in AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        AttentionShape shape = problem.Shape;
        using TestOperand query = Queries(shape.HeadSize, problem.Query);
        using TestOperand key = Keys(shape.HeadSize, problem.Key);
        using TestOperand value = Keys(shape.ValueSize, problem.Value);
        using TestOperand vector = TestOperand.Create(placement == Placement.Guarded, [shape.HeadSize], problem.ScoreVector);
        using TestOperand output = Queries(shape.ValueSize, null);
        using TestOperand logSumExp = TestOperand.Create(placement == Placement.Guarded, shape.RowLengths);
        using TestOperand weights = TestOperand.Create(placement == Placement.Guarded, shape.ScoreLengths);
        using TestOperand outputGradient = Queries(shape.ValueSize, problem.OutputGradient);
        using TestOperand queryGradient = Queries(shape.HeadSize, null);
        using TestOperand keyGradient = Keys(shape.HeadSize, null);
        using TestOperand valueGradient = Keys(shape.ValueSize, null);
        using TestOperand vectorGradient = TestOperand.Create(placement == Placement.Guarded, [shape.HeadSize]);

        AdditiveAttention.Forward(query.Read(), key.Read(), vector.Read(), value.Read(), mask, output.Write(), logSumExp.Write(), options);
        AdditiveAttention.Weights(query.Read(), key.Read(), vector.Read(), mask, weights.Write(), options);
        AdditiveAttention.Backward(
            query.Read(), key.Read(), vector.Read(), value.Read(), mask, outputGradient.Read(), queryGradient.Write(), keyGradient.Write(),
            vectorGradient.Write(), valueGradient.Write(), options);
        return
        [
            ("output", output.Gather()), ("log-sum-exp", logSumExp.Gather()), ("weights", weights.Gather()),
            ("query's gradient", queryGradient.Gather()), ("key's gradient", keyGradient.Gather()),
            ("score vector's gradient", vectorGradient.Gather()), ("value's gradient", valueGradient.Gather()),
        ];

        TestOperand Queries(int size, float[]? numbers) => TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, size, numbers);

        TestOperand Keys(int size, float[]? numbers) => TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, size, numbers);
    }

    /// <summary>What rounding each number of the inputs once does to an element of each result, found by trying.</summary>
    private static double[] Sensitivity(AdditiveAttentionLoops<double> problem, double[][] reference)
    {
        Random random = new(1);
        double[] largest = new double[reference.Length];
        for (int trial = 0; trial < Trials; trial++)
        {
            (string Name, double[] Numbers)[] moved = (problem with
            {
                Query = Move(problem.Query),
                Key = Move(problem.Key),
                ScoreVector = Move(problem.ScoreVector),
                Value = Move(problem.Value),
                OutputGradient = Move(problem.OutputGradient),
            }).Run();
            for (int result = 0; result < largest.Length; result++)
            {
                for (int i = 0; i < reference[result].Length; i++)
                {
                    double change = (Math.Abs(moved[result].Numbers[i] - reference[result][i]) / Roundoff) + Math.Abs(reference[result][i]);
                    largest[result] = double.IsFinite(change) ? Math.Max(largest[result], change) : largest[result];
                }
            }
        }

        return largest;

        double[] Move(double[] numbers) => Array.ConvertAll(numbers, x => x * (1 + (random.Next(2) == 0 ? Roundoff : -Roundoff)));
    }
}
