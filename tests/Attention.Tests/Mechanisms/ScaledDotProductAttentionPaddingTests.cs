using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What stands in padding never matters, be it NaN: in keys, values, queries and their gradients.</summary>
public class ScaledDotProductAttentionPaddingTests
{
    private const int QueryPadding = 9;
    private const int KeyPadding = 23;

    public static TheoryData<AttentionShape> Shapes =>
        [new(2, 2, 1, 13, 37, 9, 7), new(1, 2, 2, 61, 257, 16, 16), new(1, 1, 1, 7, 601, 33, 65), new(1, 2, 1, 1, 1301, 8, 8)];

    [Theory]
    [MemberData(nameof(Shapes), DisableDiscoveryEnumeration = true)]
    public void PoisonedPadding_ChangesNoBit(AttentionShape shape)
    {
        List<float[]> expected = [];
        foreach (float poison in new[] { 0f, float.NaN, float.PositiveInfinity, float.NegativeInfinity, 1e38f })
        {
            using AttentionMemory memory = new(Pad(Problem(shape), poison));
            PolicyCase policies = Policies(shape);
            policies.Forward(memory);
            policies.Backward(memory);
            List<float[]> results =
            [
                memory.Output.Gather(),
                memory.LogSumExp.Gather(),
                memory.QueryGradient.Gather(),
                memory.KeyGradient.Gather(),
                memory.ValueGradient.Gather(),
                memory.SinkGradient!.Gather(),
            ];
            expected = expected.Count == 0 ? results : expected;
            for (int i = 0; i < results.Count; i++)
            {
                Tolerance.SameBits($"result {i} with {poison}", results[i], expected[i]);
                results[i].Should().NotContain(number => float.IsNaN(number), "result {0} with {1}", i, poison);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Shapes), DisableDiscoveryEnumeration = true)]
    public void PaddedRows_AreEmpty_AndTheRestIsAsWithoutPadding(AttentionShape shape)
    {
        AttentionProblem<float> problem = Problem(shape) with { SinkLogits = null };
        using AttentionMemory padded = new(Pad(problem, float.NaN));
        using AttentionMemory plain = new(problem);
        PolicyCase policies = Policies(shape);
        policies.Forward(padded);
        policies.Backward(padded);
        PolicyCases.Get("none").Forward(plain);
        PolicyCases.Get("none").Backward(plain);

        Check("output", padded.Output, plain.Output, shape.Heads, shape.QueryLength, QueryPadding, shape.ValueSize, 0);
        Check("log-sum-exp", padded.LogSumExp, plain.LogSumExp, shape.Heads, shape.QueryLength, QueryPadding, 1, float.NegativeInfinity);
        Check("query", padded.QueryGradient, plain.QueryGradient, shape.Heads, shape.QueryLength, QueryPadding, shape.HeadSize, 0);
        Check("key", padded.KeyGradient, plain.KeyGradient, shape.KeyValueHeads, shape.KeyLength, KeyPadding, shape.HeadSize, 0);
        Check("value", padded.ValueGradient, plain.ValueGradient, shape.KeyValueHeads, shape.KeyLength, KeyPadding, shape.ValueSize, 0);

        void Check(string name, TestOperand actual, TestOperand expected, int heads, int length, int padding, int size, float empty)
        {
            float[] filled = Lengthen(expected.Gather(), shape.Batch * heads, length * size, padding * size, empty);
            Tolerance.Reordered(name, actual.Gather(), filled);
        }
    }

    [Fact]
    public void FullyMaskedRows_HaveNoGradient_WhateverTheirOutputGradientIs()
    {
        AttentionShape shape = new(1, 2, 1, 33, 65, 8, 8);
        AttentionProblem<float> problem = AttentionProblems.Random(shape).WithLogSumExpGradient();
        for (int row = 0; row < shape.RowCount; row += 5)
        {
            problem.OutputGradient.AsSpan(row * shape.ValueSize, shape.ValueSize).Fill(float.NaN);
            problem.LogSumExpGradient![row] = float.PositiveInfinity;
        }

        bool[] allowed = [.. Enumerable.Range(0, shape.RowCount).Select(row => row % 5 != 0)];
        PolicyCase<DenseMask, NoModifier> policies = new(
            "own",
            _ => new DenseMask(Layout.Contiguous(1, shape.Heads, shape.QueryLength, 1).Read(allowed)),
            _ => default,
            _ => (_, head, query, _) => allowed[(head * shape.QueryLength) + query],
            _ => null);

        Compare.Backward(policies, problem);
    }

    private static AttentionProblem<float> Problem(AttentionShape shape) =>
        AttentionProblems.Random(shape).WithSinks().WithLogSumExpGradient();

    private static PolicyCase<RectangleMask, NoModifier> Policies(AttentionShape shape) =>
        new("rectangle", _ => new RectangleMask(shape.QueryLength, shape.KeyLength), _ => default, _ => null, _ => null);

    private static AttentionProblem<float> Pad(AttentionProblem<float> problem, float poison)
    {
        AttentionShape shape = problem.Shape;
        int queryHeads = shape.Batch * shape.Heads;
        int keyHeads = shape.Batch * shape.KeyValueHeads;

        // The sink takes the rows of padding, and its gradient is what their log-sum-exp's gradient says: so that stays zero.
        return problem with
        {
            Shape = shape with { QueryLength = shape.QueryLength + QueryPadding, KeyLength = shape.KeyLength + KeyPadding },
            Query = Lengthen(problem.Query, queryHeads, shape.QueryLength * shape.HeadSize, QueryPadding * shape.HeadSize, poison),
            Key = Lengthen(problem.Key, keyHeads, shape.KeyLength * shape.HeadSize, KeyPadding * shape.HeadSize, poison),
            Value = Lengthen(problem.Value, keyHeads, shape.KeyLength * shape.ValueSize, KeyPadding * shape.ValueSize, poison),
            OutputGradient = Lengthen(
                problem.OutputGradient!, queryHeads, shape.QueryLength * shape.ValueSize, QueryPadding * shape.ValueSize, poison),
            LogSumExpGradient = Lengthen(problem.LogSumExpGradient!, queryHeads, shape.QueryLength, QueryPadding, 0),
        };
    }

    /// <summary>Puts <paramref name="padding"/> elements after every <paramref name="count"/>.</summary>
    private static float[] Lengthen(float[] source, int heads, int count, int padding, float value)
    {
        float[] result = new float[heads * (count + padding)];
        Array.Fill(result, value);
        for (int head = 0; head < heads; head++)
        {
            source.AsSpan(head * count, count).CopyTo(result.AsSpan(head * (count + padding)));
        }

        return result;
    }
}
