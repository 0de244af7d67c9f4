using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What holds for any inputs.</summary>
public class ScaledDotProductAttentionPropertyTests
{
    private static readonly AttentionShape[] s_shapes =
        [new(2, 2, 1, 13, 37, 9, 7), new(1, 2, 2, 61, 257, 16, 16), new(1, 2, 1, 1, 1301, 8, 8)];

    [Fact]
    public void Rows_AreMeansOfTheValues()
    {
        foreach (AttentionShape shape in s_shapes)
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape);
            Array.Fill(problem.Value, 3.25f);

            float[] expected = new float[shape.OutputCount];
            Array.Fill(expected, 3.25f);
            Tolerance.Reordered($"constant values {shape}", Output(problem), expected);

            Array.Clear(problem.Key);
            AttentionProblem<float> equalWeights = problem with { Value = AttentionProblems.Random(shape).Value };
            Compare.Forward(PolicyCases.Get("none"), equalWeights);
        }
    }

    [Fact]
    public void OneAllowedKey_GivesItsValue()
    {
        AttentionShape shape = new(1, 1, 1, 33, 33, 8, 11);
        AttentionProblem<float> problem = AttentionProblems.Random(shape, queryFactor: 50);
        using AttentionMemory memory = new(problem);

        Policies(new WindowMask(0, 0)).Forward(memory);

        Tolerance.SameBits("output", memory.Output.Gather(), problem.Value);
    }

    [Fact]
    public void PermutedQueries_PermuteTheRows()
    {
        AttentionShape shape = new(1, 2, 1, 61, 97, 9, 7);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        int[] order = Permutation(shape.QueryLength);
        float[] expected = Permuted(Output(problem), order, shape.Heads, shape.ValueSize);

        AttentionProblem<float> permuted = problem with { Query = Permuted(problem.Query, order, shape.Heads, shape.HeadSize) };

        Tolerance.SameBits("output", Output(permuted), expected);
    }

    [Fact]
    public void PermutedKeysAndValues_ChangeNothingButRounding()
    {
        AttentionShape shape = new(1, 2, 2, 31, 597, 9, 7);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        int[] order = Permutation(shape.KeyLength);

        AttentionProblem<float> permuted = problem with
        {
            Key = Permuted(problem.Key, order, shape.KeyValueHeads, shape.HeadSize),
            Value = Permuted(problem.Value, order, shape.KeyValueHeads, shape.ValueSize),
        };

        Tolerance.Reordered("output", Output(permuted), Output(problem));
    }

    [Fact]
    public void ANumberAddedToARow_ChangesNothingButTheLogSumExp()
    {
        AttentionShape shape = new(1, 1, 1, 31, 97, 9, 7);
        AttentionProblem<float> problem = AttentionProblems.Random(shape);
        float[] bias = [.. Enumerable.Range(0, shape.QueryLength).Select(query => query - 16f)];

        Tolerance.Reordered(
            "output", Output(problem with { Bias = bias, BiasShape = [1, 1, shape.QueryLength, 1] }), Output(problem), roundings: 64);
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(1e30f)]
    public void LaterKeys_ChangeNoBitOfACausalRow(float poison)
    {
        foreach (AttentionShape shape in new AttentionShape[] { new(1, 2, 1, 97, 97, 16, 9), new(1, 1, 1, 401, 401, 5, 5), new(1, 2, 1, 4, 4, 3, 3) })
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape);
            using AttentionMemory memory = new(problem);
            Policies(CausalMask.TopLeft).Forward(memory);
            float[] expected = memory.Output.Gather();
            int last = shape.QueryLength / 2;
            for (int head = 0; head < shape.KeyValueHeads; head++)
            {
                int first = (head * shape.KeyLength) + last + 1;
                int count = shape.KeyLength - last - 1;
                memory.Key.Data.Slice(first * shape.HeadSize, count * shape.HeadSize).Fill(poison);
                memory.Value.Data.Slice(first * shape.ValueSize, count * shape.ValueSize).Fill(poison);
            }

            Policies(CausalMask.TopLeft).Forward(memory);

            float[] actual = memory.Output.Gather();
            for (int head = 0; head < shape.Heads; head++)
            {
                int start = head * shape.QueryLength * shape.ValueSize;
                int count = (last + 1) * shape.ValueSize;
                Tolerance.SameBits($"head {head} of {shape}", actual.AsSpan(start, count), expected.AsSpan(start, count));
            }
        }
    }

    [Theory]
    [InlineData("causal")]
    [InlineData("window")]
    [InlineData("key lengths")]
    [InlineData("causal and key lengths")]
    [InlineData("checkerboard of a user")]
    [InlineData("sparse rows of a user")]
    public void AMask_IsTheDenseMaskOfItsPairs(string policies)
    {
        foreach (AttentionShape shape in new AttentionShape[] { new(2, 2, 1, 33, 217, 9, 7), new(1, 2, 1, 2, 1301, 8, 8) })
        {
            AttentionProblem<float> problem = AttentionProblems.Random(shape);
            using AttentionMemory restricted = new(problem);
            using AttentionMemory dense = new(problem);
            ReferenceMask allows = PolicyCases.Get(policies).Apply(problem).Mask!;

            PolicyCases.Get(policies).Forward(restricted);
            PolicyCases.Get(policies).Backward(restricted);
            PolicyCase full = Policies(Dense(shape, allows));
            full.Forward(dense);
            full.Backward(dense);

            Tolerance.Reordered($"output {shape}", restricted.Output.Gather(), dense.Output.Gather());
            Tolerance.Reordered($"log-sum-exp {shape}", restricted.LogSumExp.Gather(), dense.LogSumExp.Gather());
            Tolerance.Reordered($"gradient of query {shape}", restricted.QueryGradient.Gather(), dense.QueryGradient.Gather());
            Tolerance.Reordered($"gradient of key {shape}", restricted.KeyGradient.Gather(), dense.KeyGradient.Gather());
            Tolerance.Reordered($"gradient of value {shape}", restricted.ValueGradient.Gather(), dense.ValueGradient.Gather());
        }
    }

    [Fact]
    public void AWindowLongerThanTheKeys_IsNoWindow()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(new AttentionShape(1, 2, 1, 61, 131, 9, 7));
        using AttentionMemory memory = new(problem);

        Policies(new WindowMask(1000, 1000)).Forward(memory);

        Tolerance.Reordered("output", memory.Output.Gather(), Output(problem));
    }

    [Fact]
    public void GroupedHeads_AreRepeatedKeyHeads()
    {
        foreach (AttentionShape shape in new AttentionShape[] { new(2, 6, 2, 31, 67, 9, 7), new(1, 8, 2, 1, 1301, 16, 16) })
        {
            AttentionProblem<float> grouped = AttentionProblems.Random(shape);
            AttentionProblem<float> repeated = grouped with
            {
                Shape = shape with { KeyValueHeads = shape.Heads },
                Key = Repeated(grouped.Key, shape, shape.KeyLength * shape.HeadSize),
                Value = Repeated(grouped.Value, shape, shape.KeyLength * shape.ValueSize),
            };

            Tolerance.Reordered($"output {shape}", Output(grouped), Output(repeated));
        }
    }

    private static PolicyCase<TMask, NoModifier> Policies<TMask>(TMask mask)
        where TMask : struct, IAttentionMask => new("own", _ => mask, _ => default, _ => null, _ => null);

    private static float[] Output(AttentionProblem<float> problem)
    {
        using AttentionMemory memory = new(problem);
        PolicyCases.Get("none").Forward(memory);
        return memory.Output.Gather();
    }

    private static DenseMask Dense(AttentionShape shape, ReferenceMask allows)
    {
        bool[] allowed = new bool[shape.ScoreCount];
        for (int i = 0; i < allowed.Length; i++)
        {
            int row = i / shape.KeyLength;
            int head = row / shape.QueryLength;
            allowed[i] = allows(head / shape.Heads, head % shape.Heads, row % shape.QueryLength, i % shape.KeyLength);
        }

        return new DenseMask(Layout.Contiguous(shape.ScoreLengths).Read(allowed));
    }

    private static float[] Repeated(float[] source, AttentionShape shape, int headCount)
    {
        int group = shape.Heads / shape.KeyValueHeads;
        return [.. Enumerable.Range(0, shape.Batch * shape.Heads).SelectMany(head => source.Skip(head / group * headCount).Take(headCount))];
    }

    private static int[] Permutation(int count)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        new Random(9).Shuffle(order);
        return order;
    }

    private static float[] Permuted(float[] source, int[] order, int heads, int size)
    {
        float[] result = new float[source.Length];
        for (int head = 0; head < heads; head++)
        {
            for (int i = 0; i < order.Length; i++)
            {
                int start = head * order.Length;
                source.AsSpan((start + order[i]) * size, size).CopyTo(result.AsSpan((start + i) * size, size));
            }
        }

        return result;
    }
}
