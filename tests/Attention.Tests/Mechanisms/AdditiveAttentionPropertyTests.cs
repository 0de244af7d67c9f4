using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What holds of additive attention whatever the numbers are.</summary>
public class AdditiveAttentionPropertyTests
{
    private static readonly AttentionShape s_shape = new(2, 2, 1, 37, 41, 9, 7);

    [Fact]
    public void Weights_AreNotNegativeAndSumToOne()
    {
        AttentionShape shape = s_shape with { KeyLength = 700 };
        float[] weights = Results(AdditiveProblems.Random(shape, 3), default(CheckerboardMask))["weights"];

        weights.Should().OnlyContain(weight => weight >= 0);
        double[] sums = [.. weights.Chunk(shape.KeyLength).Select(row => row.Sum(weight => (double)weight))];
        Tolerance.Golden("sums", Array.ConvertAll(sums, sum => (float)sum), [.. sums.Select(_ => 1.0)]);
    }

    /// <summary>Projections of zeros attend to all keys alike.</summary>
    [Fact]
    public void QueriesAndKeysOfZeros_AreUniform()
    {
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape with { KeyLength = 64 }, 0);

        Results(problem, default(NoMask))["weights"].Should().OnlyContain(weight => weight == 1f / 64);
    }

    /// <summary>What a later key holds changes no bit of a row that may not see it, nor of that row's gradient.</summary>
    [Fact]
    public void LaterKeys_ChangeNoBitBefore()
    {
        const int Row = 20;
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape with { Batch = 1, KeyValueHeads = 2 });
        AdditiveAttentionProblem<float> moved = problem with
        {
            Attention = problem.Attention with { Key = Moved(problem.Attention.Key, 9), Value = Moved(problem.Attention.Value, 7) },
        };

        Dictionary<string, float[]> expected = Results(problem, CausalMask.TopLeft);
        Dictionary<string, float[]> actual = Results(moved, CausalMask.TopLeft);

        foreach ((string name, int size) in ((string, int)[])[("output", 7), ("log-sum-exp", 1), ("weights", 41), ("query's gradient", 9)])
        {
            foreach (int head in (int[])[0, 1])
            {
                Range rows = (head * 37 * size)..(((head * 37) + Row + 1) * size);
                Tolerance.SameBits(name, actual[name].AsSpan(rows), expected[name].AsSpan(rows));
            }

            actual[name].Should().NotEqual(expected[name]);
        }

        static float[] Moved(float[] numbers, int size) =>
            [.. numbers.Select((number, place) => place / size % 41 > Row ? number + 3 : number)];
    }

    /// <summary>Scores of tens of thousands, values of 1e30, and numbers that are hardly any: nothing overflows.</summary>
    [Theory]
    [InlineData(1f, 1e4f, 1f)]
    [InlineData(4f, 1e4f, 1e30f)]
    [InlineData(1f, 1f, -1e30f)]
    [InlineData(1e-41f, 1f, 1f)]
    [InlineData(1f, 1e-41f, 1e-41f)]
    public void AnyScale_GivesNumbers(float projections, float scores, float values)
    {
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape with { KeyLength = 600 }, projections);
        problem = problem with
        {
            Attention = problem.Attention with { Value = Array.ConvertAll(problem.Attention.Value, number => number * values) },
            ScoreVector = Array.ConvertAll(problem.ScoreVector, number => number * scores),
        };

        foreach ((string name, float[] numbers) in Results(problem, CausalMask.BottomRight(37, 600)))
        {
            numbers.Should().OnlyContain(number => float.IsFinite(number), "{0}", name);
        }

        AdditiveProblems.Check(problem, CausalMask.BottomRight(37, 600));
    }

    /// <summary>Keys hidden from everyone in between others, and a query that sees nothing in between others, may hold anything.</summary>
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void HoleOfAMask_NeverReachesAResult(float poison)
    {
        Dictionary<string, float[]> expected = Results(Poisoned(0), default(HiddenKeysMask));
        Dictionary<string, float[]> actual = Results(Poisoned(poison), default(HiddenKeysMask));

        foreach ((string name, float[] numbers) in expected)
        {
            numbers.Should().NotContain(float.NaN, "{0} is a number", name);
            Tolerance.SameBits(name, actual[name], numbers);
        }

        AdditiveAttentionProblem<float> Poisoned(float number)
        {
            AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape);
            AttentionProblem<float> attention = problem.Attention;
            return problem with
            {
                Attention = attention with
                {
                    Query = Rows(attention.Query, 9, row => row % 37 == 1),
                    OutputGradient = Rows(attention.OutputGradient!, 7, row => row % 37 == 1),
                    Key = Rows(attention.Key, 9, row => HiddenKeysMask.IsHidden(row % 41)),
                    Value = Rows(attention.Value, 7, row => HiddenKeysMask.IsHidden(row % 41)),
                },
            };

            float[] Rows(float[] numbers, int size, Func<int, bool> isHidden) =>
                [.. numbers.Select((given, place) => isHidden(place / size) ? number : given)];
        }
    }

    /// <summary>Sequences of several lengths, one of them 0, are those that each would be alone, without its padding.</summary>
    [Fact]
    public void ABatch_IsItsSequences()
    {
        int[] lengths = [41, 0, 17];
        AttentionShape shape = new(3, 2, 1, 5, 41, 9, 7);
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(shape);
        AttentionProblem<float> attention = problem.Attention;
        Dictionary<string, float[]> all = Results(problem, new KeyLengthMask(lengths));
        for (int batch = 0; batch < 3; batch++)
        {
            AttentionShape one = shape with { Batch = 1, KeyLength = lengths[batch] };
            Dictionary<string, float[]> alone = Results(
                problem with
                {
                    Attention = attention with
                    {
                        Shape = one,
                        Query = Part(attention.Query, one.QueryCount),
                        OutputGradient = Part(attention.OutputGradient!, one.OutputCount),
                        Key = Part(attention.Key, 41 * 9)[..one.KeyCount],
                        Value = Part(attention.Value, 41 * 7)[..one.ValueCount],
                    },
                },
                default(NoMask));

            Tolerance.SameBits("output", Part(all["output"], one.OutputCount), alone["output"]);
            Tolerance.SameBits("log-sum-exp", Part(all["log-sum-exp"], one.RowCount), alone["log-sum-exp"]);
            Tolerance.SameBits("query's gradient", Part(all["query's gradient"], one.QueryCount), alone["query's gradient"]);
            Tolerance.SameBits("key's gradient", Part(all["key's gradient"], 41 * 9).AsSpan(0, one.KeyCount), alone["key's gradient"]);
            Tolerance.SameBits("value's gradient", Part(all["value's gradient"], 41 * 7).AsSpan(0, one.ValueCount), alone["value's gradient"]);

            float[] Part(float[] numbers, int size) => numbers[(batch * size)..((batch + 1) * size)];
        }
    }

    [Fact]
    public void DroppedAsAWhole_EverythingIsZero()
    {
        Dictionary<string, float[]> results = Results(AdditiveProblems.Random(s_shape), default(NoMask), new AttentionOptions { Dropout = 1 });

        foreach ((string name, float[] numbers) in results.Where(result => result.Key is not ("log-sum-exp" or "weights")))
        {
            numbers.Should().OnlyContain(number => number == 0, "{0}", name);
        }
    }

    [Fact]
    public void AWindowWiderThanTheKeys_IsNone()
    {
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape);
        Dictionary<string, float[]> expected = Results(problem, default(NoMask));

        foreach ((string name, float[] numbers) in Results(problem, new WindowMask(100, 100)))
        {
            Tolerance.Reordered(name, numbers, expected[name]);
        }
    }

    /// <summary>Values of no numbers leave scores, weights and gradients of zeros.</summary>
    [Fact]
    public void ValuesWithoutNumbers_AreTheReference() =>
        AdditiveProblems.Check(AdditiveProblems.Random(s_shape with { ValueSize = 0 }), CausalMask.TopLeft);

    private static Dictionary<string, float[]> Results<TMask>(
        AdditiveAttentionProblem<float> problem, TMask mask, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        using AdditiveMemory memory = new(problem);
        return memory.Run(mask, options).Results().ToDictionary(result => result.Name, result => result.Numbers);
    }
}
