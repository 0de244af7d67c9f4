using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Attention by distances: rows that see nothing, NaN behind masks, threads and batches.</summary>
public class RelativeAttentionEdgeTests
{
    private static readonly AttentionShape s_shape = new(1, 2, 1, 37, 41, 9, 7);

    [Fact]
    public void RowsThatSeeNothing_AreZeros()
    {
        using RelativeMemory clipped = new(RelativeProblems.Clipped(s_shape, 3), 0);
        using TransformerXlMemory unclipped = new(RelativeProblems.Unclipped(s_shape, false));
        var nothing = new KeyLengthMask(new[] { 0 });
        clipped.Forward(nothing);
        clipped.Backward(nothing);
        unclipped.Forward(nothing);
        unclipped.Backward(nothing);

        foreach ((string name, float[] numbers) in clipped.Results().Concat(unclipped.Results()))
        {
            numbers.Should().OnlyContain(number => number == (name == "log-sum-exp" ? float.NegativeInfinity : 0), "{0}", name);
        }
    }

    /// <summary>
    /// Keys that nobody sees, entries of distances that nobody sees and rows that see nothing may hold anything: the results are
    /// those of zeros in their place, bit for bit.
    /// </summary>
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void WhatAMaskHides_NeverReachesAResult(float poison)
    {
        // Query i sees keys up to i - 2: queries 0 and 1 see nothing, keys from 35 on are not seen, nor are distances above -2.
        var mask = new CausalMask(-2);
        RelativeAttentionProblem<float> clipped = RelativeProblems.Clipped(s_shape, 5);
        RelativeAttentionProblem<float> unclipped = RelativeProblems.Unclipped(s_shape, true);

        ShouldBeSame(Results(Poisoned(clipped, 0), mask), Results(Poisoned(clipped, poison), mask));
        ShouldBeSame(UnclippedResults(Poisoned(unclipped, 0), mask), UnclippedResults(Poisoned(unclipped, poison), mask));

        RelativeAttentionProblem<float> Poisoned(RelativeAttentionProblem<float> problem, float number)
        {
            AttentionProblem<float> attention = problem.Attention;
            bool isClipped = problem.ContentBias is null;
            int firstHidden = isClipped ? 4 : 35;
            return problem with
            {
                Attention = attention with
                {
                    Query = Rows(attention.Query, s_shape.HeadSize, row => row % 37 < 2),
                    OutputGradient = Rows(attention.OutputGradient!, s_shape.ValueSize, row => row % 37 < 2),
                    Key = Rows(attention.Key, s_shape.HeadSize, row => row >= 35),
                    Value = Rows(attention.Value, s_shape.ValueSize, row => row >= 35),
                },
                KeyTable = Rows(problem.KeyTable!, s_shape.HeadSize, row => row >= firstHidden),
                ValueTable = problem.ValueTable is null ? null : Rows(problem.ValueTable, s_shape.ValueSize, row => row >= firstHidden),
            };

            float[] Rows(float[] numbers, int size, Func<int, bool> isHidden) =>
                [.. numbers.Select((given, index) => isHidden(index / size) ? number : given)];
        }
    }

    /// <summary>A query of NaN that sees some keys has NaN for results, and no other row or hidden key has.</summary>
    [Fact]
    public void NaN_StaysInItsRow()
    {
        RelativeAttentionProblem<float> problem = RelativeProblems.Clipped(s_shape, 5);
        problem.Attention.Query[(10 * s_shape.HeadSize) + 3] = float.NaN;
        (string Name, float[] Numbers)[] results = Results(problem, CausalMask.TopLeft);

        Bad(results[0].Numbers, s_shape.ValueSize).Should().Equal(10);
        Bad(results[1].Numbers, 1).Should().Equal(10);
        Bad(results[2].Numbers, s_shape.HeadSize).Should().Equal(10);
        Bad(results[3].Numbers, s_shape.HeadSize).Should().Equal(Enumerable.Range(0, 11));
        Bad(results[4].Numbers, s_shape.ValueSize).Should().Equal(Enumerable.Range(0, 11));
        Bad(results[5].Numbers, s_shape.HeadSize).Should().Equal(Enumerable.Range(0, 6));
        Bad(results[6].Numbers, s_shape.ValueSize).Should().Equal(Enumerable.Range(0, 6));

        static IEnumerable<int> Bad(float[] numbers, int size) =>
            numbers.Select((number, index) => (number, row: index / size)).Where(each => float.IsNaN(each.number)).Select(each => each.row).Distinct();
    }

    [Theory]
    [InlineData(1, 2, 1, 401, 130)]
    [InlineData(3, 8, 8, 70, 90)]
    [InlineData(2, 2, 2, 160, 700)]
    public void Threads_DoNotChangeABit(int batch, int heads, int keyValueHeads, int queryLength, int keyLength)
    {
        AttentionShape shape = new(batch, heads, keyValueHeads, queryLength, keyLength, 17, 9);
        RelativeAttentionProblem<float> clipped = RelativeProblems.Clipped(shape, 20);
        RelativeAttentionProblem<float> unclipped = RelativeProblems.Unclipped(shape, true);
        (string, float[])[] expected = Results(clipped, CausalMask.TopLeft, 1);
        (string, float[])[] expectedUnclipped = UnclippedResults(unclipped, CausalMask.TopLeft, 1);
        foreach (int threads in (int[])[2, 3, 7])
        {
            ShouldBeSame(expected, Results(clipped, CausalMask.TopLeft, threads));
            ShouldBeSame(expectedUnclipped, UnclippedResults(unclipped, CausalMask.TopLeft, threads));
        }
    }

    /// <summary>A key head alone is cut as among many, though the work then falls to the threads in another way.</summary>
    [Fact]
    public void Neighbours_InTheBatchDoNotChangeABit()
    {
        AttentionShape one = new(1, 2, 1, 101, 90, 17, 9);
        RelativeAttentionProblem<float> alone = RelativeProblems.Clipped(one, 20);
        AttentionProblem<float> attention = alone.Attention;
        AttentionProblem<float> others = AttentionProblems.Random(one with { Batch = 19 }, 7).WithLogSumExpGradient(8);
        AttentionProblem<float> all = attention with
        {
            Shape = one with { Batch = 20 },
            Query = [.. attention.Query, .. others.Query],
            Key = [.. attention.Key, .. others.Key],
            Value = [.. attention.Value, .. others.Value],
            OutputGradient = [.. attention.OutputGradient!, .. others.OutputGradient!],
            LogSumExpGradient = [.. attention.LogSumExpGradient!, .. others.LogSumExpGradient!],
        };

        (string, float[])[] expected = Results(alone, CausalMask.TopLeft);
        (string, float[])[] actual = Results(alone with { Attention = all }, CausalMask.TopLeft);

        // The gradients of tables, the last two, are sums over the batch.
        ShouldBeSame(expected[..5], [.. actual[..5].Zip(expected).Select(each => (each.First.Item1, each.First.Item2[..each.Second.Item2.Length]))]);
    }

    private static (string Name, float[] Numbers)[] Results<TMask>(RelativeAttentionProblem<float> problem, TMask mask, int threads = 0)
        where TMask : struct, IAttentionMask
    {
        using RelativeMemory memory = new(problem, 0);
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };
        memory.Forward(mask, options);
        memory.Backward(mask, options);
        return [.. memory.Results()];
    }

    private static (string Name, float[] Numbers)[] UnclippedResults<TMask>(RelativeAttentionProblem<float> problem, TMask mask, int threads = 0)
        where TMask : struct, IAttentionMask
    {
        using TransformerXlMemory memory = new(problem);
        AttentionOptions options = new() { MaxDegreeOfParallelism = threads };
        memory.Forward(mask, options);
        memory.Backward(mask, options);
        return [.. memory.Results()];
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
