using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Additive attention: rows that see nothing, NaN behind masks, threads, batches and order.</summary>
public class AdditiveAttentionEdgeTests
{
    private static readonly AttentionShape s_shape = new(1, 2, 1, 37, 41, 9, 7);

    [Fact]
    public void RowsThatSeeNothing_AreZeros()
    {
        foreach ((string name, float[] numbers) in Results(AdditiveProblems.Random(s_shape), new KeyLengthMask(new[] { 0 })))
        {
            numbers.Should().OnlyContain(number => number == (name == "log-sum-exp" ? float.NegativeInfinity : 0), "{0}", name);
        }
    }

    /// <summary>
    /// Keys that nobody sees and rows that see nothing may hold anything: the results are those of zeros in their place, bit for bit.
    /// </summary>
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void WhatAMaskHides_NeverReachesAResult(float poison)
    {
        // Query i sees keys up to i - 2: queries 0 and 1 see nothing, keys from 35 on are not seen.
        var mask = new CausalMask(-2);
        ShouldBeSame(Results(Poisoned(0), mask), Results(Poisoned(poison), mask));
        ShouldBeSame(Results(Poisoned(0), mask.And(default(CheckerboardMask))), Results(Poisoned(poison), mask.And(default(CheckerboardMask))));

        AdditiveAttentionProblem<float> Poisoned(float number)
        {
            AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape);
            AttentionProblem<float> attention = problem.Attention;
            return problem with
            {
                Attention = attention with
                {
                    Query = Rows(attention.Query, s_shape.HeadSize, row => row % 37 < 2),
                    OutputGradient = Rows(attention.OutputGradient!, s_shape.ValueSize, row => row % 37 < 2),
                    Key = Rows(attention.Key, s_shape.HeadSize, row => row >= 35),
                    Value = Rows(attention.Value, s_shape.ValueSize, row => row >= 35),
                },
            };

            float[] Rows(float[] numbers, int size, Func<int, bool> isHidden) =>
                [.. numbers.Select((given, index) => isHidden(index / size) ? (index % 2 == 0 ? number : -number) : given)];
        }
    }

    /// <summary>More keys behind the mask change no bit of what is there without them.</summary>
    [Fact]
    public void Padding_ChangesNoBit()
    {
        AttentionShape padded = s_shape with { KeyLength = 700 };
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape);
        AttentionProblem<float> attention = problem.Attention with
        {
            Shape = padded,
            Key = [.. problem.Attention.Key, .. Enumerable.Repeat(float.NaN, padded.KeyCount - s_shape.KeyCount)],
            Value = [.. problem.Attention.Value, .. Enumerable.Repeat(float.NaN, padded.ValueCount - s_shape.ValueCount)],
        };

        (string Name, float[] Numbers)[] expected = Results(problem, default(NoMask));
        (string Name, float[] Numbers)[] actual = Results(problem with { Attention = attention }, new KeyLengthMask(new[] { 41 }));

        foreach (int result in (int[])[0, 1, 3, 6])
        {
            Tolerance.SameBits(expected[result].Name, actual[result].Numbers, expected[result].Numbers);
        }

        foreach (int result in (int[])[4, 5])
        {
            int count = expected[result].Numbers.Length;
            Tolerance.SameBits(expected[result].Name, actual[result].Numbers.AsSpan(0, count), expected[result].Numbers);
            actual[result].Numbers.Skip(count).Should().OnlyContain(number => number == 0);
        }
    }

    /// <summary>A query of NaN that sees some keys has NaN for results, and no other row or hidden key has.</summary>
    [Fact]
    public void NaN_StaysInItsRow()
    {
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(s_shape);
        problem.Attention.Query[(10 * s_shape.HeadSize) + 3] = float.NaN;
        (string Name, float[] Numbers)[] results = Results(problem, CausalMask.TopLeft);

        Bad(results[0].Numbers, s_shape.ValueSize).Should().Equal(10);
        Bad(results[1].Numbers, 1).Should().Equal(10);
        Bad(results[2].Numbers, 1).Should().Equal(Enumerable.Range(10 * 41, 11));
        Bad(results[3].Numbers, s_shape.HeadSize).Should().Equal(10);
        Bad(results[4].Numbers, s_shape.HeadSize).Should().Equal(Enumerable.Range(0, 11));
        Bad(results[5].Numbers, s_shape.ValueSize).Should().Equal(Enumerable.Range(0, 11));

        static IEnumerable<int> Bad(float[] numbers, int size) =>
            numbers.Select((number, index) => (number, row: index / size)).Where(each => float.IsNaN(each.number)).Select(each => each.row).Distinct();
    }

    [Theory]
    [InlineData(1, 2, 1, 401, 130)]
    [InlineData(3, 8, 8, 70, 90)]
    [InlineData(2, 2, 2, 160, 700)]
    public void Threads_DoNotChangeABit(int batch, int heads, int keyValueHeads, int queryLength, int keyLength)
    {
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(new(batch, heads, keyValueHeads, queryLength, keyLength, 17, 9));
        (string, float[])[] expected = Results(problem, CausalMask.TopLeft, 1);
        foreach (int threads in (int[])[2, 3, 7])
        {
            ShouldBeSame(expected, Results(problem, CausalMask.TopLeft, threads));
        }
    }

    /// <summary>A key head alone is cut as among many, though the work then falls to the threads in another way.</summary>
    [Fact]
    public void Neighbours_InTheBatchDoNotChangeABit()
    {
        AttentionShape one = new(1, 2, 1, 101, 90, 17, 9);
        AdditiveAttentionProblem<float> alone = AdditiveProblems.Random(one);
        AttentionProblem<float> attention = alone.Attention;
        AttentionProblem<float> others = AttentionProblems.Random(one with { Batch = 19 }, 7);
        AttentionProblem<float> all = attention with
        {
            Shape = one with { Batch = 20 },
            Query = [.. attention.Query, .. others.Query],
            Key = [.. attention.Key, .. others.Key],
            Value = [.. attention.Value, .. others.Value],
            OutputGradient = [.. attention.OutputGradient!, .. others.OutputGradient!],
        };

        (string, float[])[] expected = Results(alone, CausalMask.TopLeft);
        (string, float[])[] actual = Results(alone with { Attention = all }, CausalMask.TopLeft);

        // The gradient of the score vector, the last one, is a sum over the batch.
        ShouldBeSame(expected[..6], [.. actual[..6].Zip(expected).Select(each => (each.First.Item1, each.First.Item2[..each.Second.Item2.Length]))]);
    }

    /// <summary>A query alone, as a decoder asks it, has the scores and weights that it has among others, bit for bit.</summary>
    [Fact]
    public void OneQueryAlone_HasTheSameWeights()
    {
        AttentionShape whole = new(1, 1, 1, 70, 300, 24, 8);
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(whole);
        AdditiveAttentionProblem<float> single = problem with
        {
            Attention = problem.Attention with
            {
                Shape = whole with { QueryLength = 1 },
                Query = problem.Attention.Query[(50 * 24)..(51 * 24)],
                OutputGradient = problem.Attention.OutputGradient![(50 * 8)..(51 * 8)],
            },
        };

        (string Name, float[] Numbers)[] all = Results(problem, default(NoMask));
        (string Name, float[] Numbers)[] one = Results(single, default(NoMask));

        Tolerance.SameBits("log-sum-exp", one[1].Numbers, all[1].Numbers.AsSpan(50, 1));
        Tolerance.SameBits("weights", one[2].Numbers, all[2].Numbers.AsSpan(50 * 300, 300));
        Tolerance.Reordered("output", one[0].Numbers, all[0].Numbers.AsSpan(50 * 8, 8));
    }

    /// <summary>Turning keys and values around turns the weights around and leaves the output.</summary>
    [Fact]
    public void TheOrderOfKeys_DoesNotMatter()
    {
        AdditiveAttentionProblem<float> problem = AdditiveProblems.Random(new(1, 1, 1, 5, 41, 9, 7));
        AdditiveAttentionProblem<float> turned = problem with
        {
            Attention = problem.Attention with
            {
                Key = [.. problem.Attention.Key.Chunk(9).Reverse().SelectMany(row => row)],
                Value = [.. problem.Attention.Value.Chunk(7).Reverse().SelectMany(row => row)],
            },
        };

        (string Name, float[] Numbers)[] expected = Results(problem, default(NoMask));
        (string Name, float[] Numbers)[] actual = Results(turned, default(NoMask));

        Tolerance.Reordered("output", actual[0].Numbers, expected[0].Numbers);
        Tolerance.Reordered("weights", [.. actual[2].Numbers.Chunk(41).SelectMany(row => row.Reverse())], expected[2].Numbers);
        Tolerance.Reordered("query's gradient", actual[3].Numbers, expected[3].Numbers, 64);
    }

    private static (string Name, float[] Numbers)[] Results<TMask>(AdditiveAttentionProblem<float> problem, TMask mask, int threads = 0)
        where TMask : struct, IAttentionMask
    {
        using AdditiveMemory memory = new(problem);
        return [.. memory.Run(mask, new AttentionOptions { MaxDegreeOfParallelism = threads }).Results()];
    }

    private static void ShouldBeSame((string Name, float[] Numbers)[] expected, (string Name, float[] Numbers)[] actual)
    {
        foreach (((string name, float[] numbers), (_, float[] other)) in expected.Zip(actual))
        {
            numbers.Should().NotContain(float.NaN, "{0} is a number", name);
            Tolerance.SameBits(name, other, numbers);
        }
    }
}
