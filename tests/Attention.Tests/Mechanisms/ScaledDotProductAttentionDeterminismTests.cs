using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>The same inputs give the same bits: for any number of threads, any batch around, and on every call.</summary>
public class ScaledDotProductAttentionDeterminismTests
{
    public static TheoryData<string> PolicyNames => PolicyCases.FewNames;

    public static TheoryData<AttentionShape> Shapes =>
    [
        new(1, 1, 1, 801, 530, 16, 16),
        new(1, 4, 2, 97, 401, 24, 9),
        new(2, 2, 1, 61, 701, 33, 17),
        new(1, 2, 1, 1, 5003, 32, 32),
        new(1, 4, 2, 3, 3001, 16, 24),
    ];

    [Theory]
    [MemberData(nameof(Shapes), DisableDiscoveryEnumeration = true)]
    public void Threads_DoNotChangeABit(AttentionShape shape)
    {
        foreach (string policies in new[] { "none", "causal", "checkerboard of a user", "soft cap" })
        {
            AttentionProblem<float> problem = Everything(shape);
            Results expected = Results.Of(PolicyCases.Get(policies), problem, Options(1));
            foreach (int threads in new[] { 2, 3, 7 })
            {
                Results.Of(PolicyCases.Get(policies), problem, Options(threads)).ShouldEqual(expected, $"{policies}, {threads} threads");
            }
        }
    }

    [Theory]
    [InlineData(SimdWidth.Scalar)]
    [InlineData(SimdWidth.Vector128)]
    [InlineData(SimdWidth.Vector512)]
    public void Threads_DoNotChangeABit_AtOtherWidths(SimdWidth width)
    {
        AttentionProblem<float> problem = Everything(new AttentionShape(1, 2, 1, 131, 401, 16, 9));

        Results expected = Results.Of(PolicyCases.Get("causal"), problem, Options(1) with { Width = width });

        Results.Of(PolicyCases.Get("causal"), problem, Options(3) with { Width = width }).ShouldEqual(expected, $"{width}");
    }

    /// <summary>Where heads, batch or keys share elements of the bias gradient, the threads take turns; there are two blocks of keys.</summary>
    [Theory]
    [InlineData(1, 1, 1, 1)]
    [InlineData(1, 1, 211, 1)]
    [InlineData(1, 1, 1, 401)]
    [InlineData(1, 1, 211, 401)]
    [InlineData(2, 1, 211, 401)]
    [InlineData(1, 4, 211, 401)]
    [InlineData(1, 4, 1, 401)]
    [InlineData(2, 4, 211, 1)]
    [InlineData(2, 1, 1, 1)]
    public void Threads_DoNotChangeABit_OfASharedBias(int batch, int heads, int queries, int keys)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(2, 4, 2, 211, 401, 16, 9)).WithBias([batch, heads, queries, keys]);
        foreach (string policies in new[] { "none", "causal", "checkerboard of a user" })
        {
            foreach (SimdWidth width in SimdWidths.All)
            {
                Results expected = Results.Of(PolicyCases.Get(policies), problem, Options(1) with { Width = width });
                foreach (int threads in new[] { 2, 3, 7 })
                {
                    Results.Of(PolicyCases.Get(policies), problem, Options(threads) with { Width = width })
                        .ShouldEqual(expected, $"{policies}, {width}, {threads} threads");
                }
            }

            Compare.Backward(PolicyCases.Get(policies), problem);
        }
    }

    [Theory]
    [MemberData(nameof(PolicyNames))]
    public void Neighbours_InTheBatchDoNotChangeABit(string policies)
    {
        foreach (AttentionShape single in new AttentionShape[] { new(1, 4, 2, 61, 131, 17, 9), new(1, 4, 2, 1, 1301, 16, 16), new(1, 2, 2, 5, 7, 3, 3) })
        {
            // The masks of the tests depend on the batch, so the element that stands alone is the first one.
            AttentionProblem<float> alone = AttentionProblems.Random(single).WithSinks().WithLogSumExpGradient();
            AttentionProblem<float> batch = InBatchOfThree(alone);
            Results expected = Results.Of(PolicyCases.Get(policies), alone, Options(2));

            Results.Of(PolicyCases.Get(policies), batch, Options(2)).First(single).ShouldEqualWithoutSums(expected, $"{policies} {single}");
        }
    }

    [Fact]
    public void Calls_AtTheSameTimeDoNotChangeABit()
    {
        AttentionProblem<float> problem = Everything(new AttentionShape(1, 2, 1, 201, 301, 16, 9));
        Results expected = Results.Of(PolicyCases.Get("causal"), problem, Options(2));

        Parallel.For(0, 16, _ => Results.Of(PolicyCases.Get("causal"), problem, Options(2)).ShouldEqual(expected, "at the same time"));
    }

    private static AttentionOptions Options(int threads) => new() { MaxDegreeOfParallelism = threads, Dropout = 0.2f, DropoutSeed = 5 };

    private static AttentionProblem<float> Everything(AttentionShape shape) =>
        AttentionProblems.Random(shape).WithBias([1, shape.Heads, 1, shape.KeyLength]).WithSinks().WithLogSumExpGradient();

    private static AttentionProblem<float> InBatchOfThree(AttentionProblem<float> alone)
    {
        AttentionProblem<float> others = AttentionProblems.Random(alone.Shape with { Batch = 2 }, seed: 77).WithLogSumExpGradient(78);
        return alone with
        {
            Shape = alone.Shape with { Batch = 3 },
            Query = [.. alone.Query, .. others.Query],
            Key = [.. alone.Key, .. others.Key],
            Value = [.. alone.Value, .. others.Value],
            OutputGradient = [.. alone.OutputGradient!, .. others.OutputGradient!],
            LogSumExpGradient = [.. alone.LogSumExpGradient!, .. others.LogSumExpGradient!],
        };
    }

    private sealed record Results(
        float[] Output, float[] LogSumExp, float[] Query, float[] Key, float[] Value, float[] Bias, float[] SinkLogits)
    {
        public static Results Of(PolicyCase policies, AttentionProblem<float> problem, AttentionOptions options)
        {
            using AttentionMemory memory = new(problem);
            policies.Forward(memory, options);
            policies.Backward(memory, options);
            return new Results(
                memory.Output.Gather(),
                memory.LogSumExp.Gather(),
                memory.QueryGradient.Gather(),
                memory.KeyGradient.Gather(),
                memory.ValueGradient.Gather(),
                memory.BiasGradient?.Gather() ?? [],
                memory.SinkGradient?.Gather() ?? []);
        }

        /// <summary>What belongs to the first batch element.</summary>
        public Results First(AttentionShape single) => this with
        {
            Output = Output[..single.OutputCount],
            LogSumExp = LogSumExp[..single.RowCount],
            Query = Query[..single.QueryCount],
            Key = Key[..single.KeyCount],
            Value = Value[..single.ValueCount],
        };

        public void ShouldEqual(Results expected, string name)
        {
            ShouldEqualWithoutSums(expected, name);
            Tolerance.SameBits($"gradient of bias, {name}", Bias, expected.Bias);
            Tolerance.SameBits($"gradient of sinks, {name}", SinkLogits, expected.SinkLogits);
        }

        /// <summary>All but the gradients that are sums over the batch.</summary>
        public void ShouldEqualWithoutSums(Results expected, string name)
        {
            Tolerance.SameBits($"output, {name}", Output, expected.Output);
            Tolerance.SameBits($"log-sum-exp, {name}", LogSumExp, expected.LogSumExp);
            Tolerance.SameBits($"gradient of query, {name}", Query, expected.Query);
            Tolerance.SameBits($"gradient of key, {name}", Key, expected.Key);
            Tolerance.SameBits($"gradient of value, {name}", Value, expected.Value);
        }
    }
}
