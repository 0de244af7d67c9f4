using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Attention to windows: rows that see nothing, positions of any kind, NaN behind masks, threads and batches.</summary>
public class LocalAttentionEdgeTests
{
    private static readonly AttentionShape s_shape = new(1, 2, 1, 37, 41, 9, 7);

    [Fact]
    public void RowsThatSeeNothing_AreZeros()
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 3, true);
        ShouldBeNothing(problem, new KeyLengthMask(new[] { 0 }));
        ShouldBeNothing(problem with { KeyLengths = [0] }, default(NoMask));
        ShouldBeNothing(problem, new KeyLengthMask(41).Not());
        ShouldBeNothing(problem with { Position = [.. problem.Position.Select(_ => float.NaN)] }, new KeyLengthMask(41).Not());

        // The mask allows what no window reaches.
        ShouldBeNothing(problem with { Position = [.. problem.Position.Select(_ => 39.5f)] }, new KeyLengthMask(36));

        static void ShouldBeNothing<TMask>(LocalAttentionProblem<float> problem, TMask mask)
            where TMask : struct, IAttentionMask
        {
            foreach ((string name, float[] numbers) in Results(problem, mask))
            {
                numbers.Should().OnlyContain(number => number == (name == "log-sum-exp" ? float.NegativeInfinity : 0), "{0}", name);
            }
        }
    }

    /// <summary>A position beyond either end stands at the end, though the Gaussian knows where it is.</summary>
    [Theory]
    [InlineData(41f, 41.5f, 40)]
    [InlineData(1e30f, float.PositiveInfinity, 40)]
    [InlineData(-0.25f, -7f, 0)]
    [InlineData(-1e30f, float.NegativeInfinity, 0)]
    public void PositionsBeyondAnEnd_StandThere(float first, float second, int end)
    {
        foreach (bool isGaussian in (bool[])[false, true])
        {
            LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 4, isGaussian);
            (string Name, float[] Numbers)[] results = Results(At(problem, first, second), default(NoMask));
            results.SelectMany(result => result.Numbers).Should().NotContain(float.NaN);

            float[] expected = Results(At(problem with { IsGaussian = false }, end, end), default(NoMask))[1].Numbers;
            Tolerance.SameBits("log-sum-exp", results[1].Numbers, expected);
        }

        static LocalAttentionProblem<float> At(LocalAttentionProblem<float> problem, float first, float second) =>
            problem with { Position = [.. problem.Position.Select((_, query) => query % 2 == 0 ? first : second)] };
    }

    /// <summary>Keys that nobody sees and rows that see nothing may hold anything: the results are those of zeros in their place, bit for bit.</summary>
    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    public void WhatIsHidden_NeverReachesAResult(float poison)
    {
        // Rectangle masks and windows leave holes: every third key is hidden inside of windows, keys from 29 on lie behind the end.
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 6, true) with { KeyLengths = [29] };
        var mask = new EveryThirdHidden();

        ShouldBeSame(Results(Poisoned(0), mask), Results(Poisoned(poison), mask));

        LocalAttentionProblem<float> Poisoned(float number)
        {
            AttentionProblem<float> attention = problem.Attention;
            return problem with
            {
                Position = [.. problem.Position.Select((position, query) => query < 2 ? number : position)],
                Attention = attention with
                {
                    Query = Rows(attention.Query, s_shape.HeadSize, row => row % 37 < 2),
                    OutputGradient = Rows(attention.OutputGradient!, s_shape.ValueSize, row => row % 37 < 2),
                    Key = Rows(attention.Key, s_shape.HeadSize, row => row >= 29 || row % 3 == 1),
                    Value = Rows(attention.Value, s_shape.ValueSize, row => row >= 29 || row % 3 == 1),
                },
            };

            float[] Rows(float[] numbers, int size, Func<int, bool> isHidden) =>
                [.. numbers.Select((given, index) => isHidden(index / size) ? number : given)];
        }
    }

    /// <summary>A query or position of NaN that sees some keys has NaN for results, and no other row or hidden key has.</summary>
    [Theory]
    [InlineData(true, true)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public void NaN_StaysInItsRow(bool isQuery, bool isGaussian)
    {
        LocalAttentionProblem<float> problem = LocalProblems.Random(s_shape, 3, isGaussian);
        problem.Position[10] = isQuery ? 20 : float.NaN;
        problem.Attention.Query[(10 * s_shape.HeadSize) + 3] = isQuery ? float.NaN : 1;
        int[] rows = isQuery ? [10] : [10, 47];
        int[] seen = isQuery ? [17, 18, 20, 21, 23] : [0, 2, 3];
        (string Name, float[] Numbers)[] results = Results(problem, new EveryThirdHidden());

        Bad(results[0].Numbers, s_shape.ValueSize).Should().Equal(rows);
        Bad(results[1].Numbers, 1).Should().Equal(isQuery ? [10] : []);
        Bad(results[2].Numbers, 1).Should().Equal(rows.SelectMany(row => seen.Select(key => (row * 41) + key)));
        Bad(results[3].Numbers, s_shape.HeadSize).Should().Equal(rows);
        Bad(results[4].Numbers, s_shape.HeadSize).Should().Equal(seen);
        Bad(results[5].Numbers, s_shape.ValueSize).Should().Equal(seen);
        Bad(results[6].Numbers, 1).Should().Equal(isGaussian ? [10] : []);

        static IEnumerable<int> Bad(float[] numbers, int size) =>
            numbers.Select((number, index) => (number, row: index / size)).Where(each => float.IsNaN(each.number)).Select(each => each.row).Distinct();
    }

    /// <summary>Positions may be a view of anything, and so may their gradients: here every second number, batch inside of query.</summary>
    [Fact]
    public void Positions_MayHaveAnyStrides()
    {
        AttentionShape shape = s_shape with { Batch = 2 };
        LocalAttentionProblem<float> problem = LocalProblems.Random(shape, 3, true);
        using LocalMemory memory = new(problem);
        memory.Run(default(NoMask));
        Layout layout = Layout.Strided([2, 37], [2, 4]);
        float[] positions = new float[37 * 4];
        float[] gradients = new float[37 * 4];
        layout.Scatter<float>(problem.Position, positions);
        AttentionMemory operands = memory.Attention;
        float[] expected = operands.QueryGradient.Gather();
        operands.QueryGradient.Data.Clear();

        LocalAttention.Backward(
            operands.Query.Read(), operands.Key.Read(), operands.Value.Read(), layout.Read(positions), new LocalWindow(3, true),
            default(NoMask), operands.OutputGradient.Read(), operands.LogSumExpGradient!.Read(), operands.QueryGradient.Write(), default,
            default, layout.Write(gradients));

        Tolerance.SameBits("query's gradient", operands.QueryGradient.Gather(), expected);
        Tolerance.SameBits("position's gradient", layout.Gather<float>(gradients), memory.PositionGradient.Gather());
        gradients.Where((_, index) => index % 2 == 1).Should().OnlyContain(number => number == 0);
    }

    [Theory]
    [InlineData(1, 2, 1, 401, 130, 10)]
    [InlineData(3, 8, 8, 70, 90, 5)]
    [InlineData(2, 2, 2, 160, 700, 1000)]
    public void Threads_DoNotChangeABit(int batch, int heads, int keyValueHeads, int queryLength, int keyLength, int halfWidth)
    {
        LocalAttentionProblem<float> problem =
            LocalProblems.Random(new(batch, heads, keyValueHeads, queryLength, keyLength, 17, 9), halfWidth, true);
        (string, float[])[] expected = Results(problem, CausalMask.TopLeft, 1);
        foreach (int threads in (int[])[2, 3, 7])
        {
            ShouldBeSame(expected, Results(problem, CausalMask.TopLeft, threads));
        }
    }

    [Fact]
    public void Neighbours_InTheBatchDoNotChangeABit()
    {
        AttentionShape one = new(1, 2, 1, 101, 90, 17, 9);
        LocalAttentionProblem<float> alone = LocalProblems.Random(one, 8, true);
        LocalAttentionProblem<float> others = LocalProblems.Random(one with { Batch = 3 }, 8, true, 7);
        AttentionProblem<float> attention = alone.Attention;
        AttentionProblem<float> all = attention with
        {
            Shape = one with { Batch = 4 },
            Query = [.. attention.Query, .. others.Attention.Query],
            Key = [.. attention.Key, .. others.Attention.Key],
            Value = [.. attention.Value, .. others.Attention.Value],
            OutputGradient = [.. attention.OutputGradient!, .. others.Attention.OutputGradient!],
            LogSumExpGradient = [.. attention.LogSumExpGradient!, .. others.Attention.LogSumExpGradient!],
        };

        (string, float[])[] expected = Results(alone, CausalMask.TopLeft);
        (string, float[])[] actual = Results(
            alone with { Attention = all, Position = [.. alone.Position, .. others.Position] }, CausalMask.TopLeft);

        ShouldBeSame(expected, [.. actual.Zip(expected).Select(each => (each.First.Item1, each.First.Item2[..each.Second.Item2.Length]))]);
    }

    private static (string Name, float[] Numbers)[] Results<TMask>(LocalAttentionProblem<float> problem, TMask mask, int threads = 0)
        where TMask : struct, IAttentionMask
    {
        using LocalMemory memory = new(problem);
        memory.Run(mask, new() { MaxDegreeOfParallelism = threads });
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

    /// <summary>Hides keys 1, 4, 7, ...; the first two queries see nothing when asked pair by pair.</summary>
    private readonly struct EveryThirdHidden : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => query >= 2 && key % 3 != 1;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
