using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Merging what parts of the keys gave, forward and backward.</summary>
public class PartialAttentionTests
{
    private static readonly AttentionShape s_shape = new(2, 3, 3, 13, 61, 9, 7);

    private readonly Layout _outputs = Layout.Contiguous(s_shape.OutputLengths);
    private readonly Layout _sums = Layout.Contiguous(s_shape.RowLengths);

    [Fact]
    public void Merge_EqualsTheReference()
    {
        (float[] Output, float[] Sum) first = Part(1);
        (float[] Output, float[] Sum) second = Part(2);
        for (int row = 0; row < s_shape.RowCount; row++)
        {
            // Empty parts: the first, the second, both; what an empty part's output holds is zero.
            Empty(first, row, row % 5 is 1 or 3);
            Empty(second, row, row % 5 is 2 or 3);
        }

        (double[] output, double[] sum) = ReferenceMerge.Forward(
            [Widen(first.Output), Widen(second.Output)], [Widen(first.Sum), Widen(second.Sum)], s_shape.RowCount, s_shape.ValueSize);

        (float[] Output, float[] Sum) merged = Merge(first, second);

        Tolerance.Golden("output", merged.Output, output);
        Tolerance.Golden("log-sum-exp", merged.Sum, sum);
    }

    [Fact]
    public void MergeOfHalves_IsTheWhole()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        using AttentionMemory whole = new(problem);
        PolicyCases.Get("none").Forward(whole);

        (float[] Output, float[] Sum) merged = Merge(Keys(problem, 0, 20), Keys(problem, 20, 61));

        Tolerance.Reordered("output", merged.Output, whole.Output.Gather());
        Tolerance.Reordered("log-sum-exp", merged.Sum, whole.LogSumExp.Gather());
    }

    [Fact]
    public void Merge_IsAssociativeAndCommutative()
    {
        (float[] Output, float[] Sum) first = Part(1);
        (float[] Output, float[] Sum) second = Part(2);
        (float[] Output, float[] Sum) third = Part(3);

        (float[] Output, float[] Sum) left = Merge(Merge(first, second), third);
        (float[] Output, float[] Sum) right = Merge(first, Merge(third, second));

        Tolerance.Reordered("output", left.Output, right.Output);
        Tolerance.Reordered("log-sum-exp", left.Sum, right.Sum);
    }

    [Fact]
    public void TheEmptyPart_IsTheIdentity_WhateverItsOutputHolds()
    {
        (float[] Output, float[] Sum) part = Part(1);
        foreach (float content in new[] { 0f, float.NaN, float.PositiveInfinity })
        {
            float[] output = new float[s_shape.OutputCount];
            float[] sum = new float[s_shape.RowCount];
            Array.Fill(output, content);
            Array.Fill(sum, float.NegativeInfinity);

            (float[] Output, float[] Sum) after = Merge(part, (output, sum));
            (float[] Output, float[] Sum) before = Merge((output, sum), part);
            (float[] Output, float[] Sum) nothing = Merge((output, sum), (output, sum));

            Tolerance.SameBits("output", after.Output, part.Output);
            Tolerance.SameBits("log-sum-exp", after.Sum, part.Sum);
            Tolerance.SameBits("output", before.Output, part.Output);
            Tolerance.SameBits("log-sum-exp", before.Sum, part.Sum);
            Tolerance.SameBits("output of nothing", nothing.Output, new float[s_shape.OutputCount]);
            Tolerance.SameBits("log-sum-exp of nothing", nothing.Sum, sum);
        }
    }

    [Fact]
    public void MergeBackward_EqualsTheReference()
    {
        (float[] Output, float[] Sum) first = Part(1);
        (float[] Output, float[] Sum) second = Part(2);
        (float[] Output, float[] Sum) gradient = Part(3);
        for (int row = 0; row < s_shape.RowCount; row++)
        {
            Empty(first, row, row % 5 is 1 or 3);
            Empty(second, row, row % 5 is 2 or 3);
        }

        (double[][] outputs, double[][] sums) = ReferenceMerge.Backward(
            [Widen(first.Output), Widen(second.Output)],
            [Widen(first.Sum), Widen(second.Sum)],
            Widen(gradient.Output),
            Widen(gradient.Sum),
            s_shape.RowCount,
            s_shape.ValueSize);

        ((float[] Output, float[] Sum) firstGradient, (float[] Output, float[] Sum) secondGradient) = MergeBackward(first, second, gradient);

        Tolerance.Golden("first output", firstGradient.Output, outputs[0]);
        Tolerance.Golden("first log-sum-exp", firstGradient.Sum, sums[0]);
        Tolerance.Golden("second output", secondGradient.Output, outputs[1]);
        Tolerance.Golden("second log-sum-exp", secondGradient.Sum, sums[1]);
    }

    [Fact]
    public void BackwardThroughTheMerge_IsTheBackwardOfTheWhole()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape).WithLogSumExpGradient();
        AttentionGradients<double> reference = ReferenceAttention.Backward(problem);
        (float[] Output, float[] Sum) first = Keys(problem, 0, 20);
        (float[] Output, float[] Sum) second = Keys(problem, 20, 61);

        ((float[] Output, float[] Sum) firstGradient, (float[] Output, float[] Sum) secondGradient) =
            MergeBackward(first, second, (problem.OutputGradient!, problem.LogSumExpGradient!));

        (float[] Query, float[] Key) a = Gradients(problem, firstGradient, 0, 20);
        (float[] Query, float[] Key) b = Gradients(problem, secondGradient, 20, 61);
        Tolerance.Golden("gradient of query", [.. a.Query.Zip(b.Query, (x, y) => x + y)], reference.Query);
        Tolerance.Golden("gradient of key", [.. a.Key.Zip(b.Key, (x, y) => x + y)], reference.Key);
    }

    private static PolicyCase<KeyRangeMask, NoModifier> Range(int start, int end) =>
        new("range", _ => new KeyRangeMask(start, end), _ => default, _ => null, _ => null);

    private static (float[] Output, float[] Sum) Keys(AttentionProblem<float> problem, int start, int end)
    {
        using AttentionMemory memory = new(problem);
        Range(start, end).Forward(memory);
        return (memory.Output.Gather(), memory.LogSumExp.Gather());
    }

    private static (float[] Query, float[] Key) Gradients(
        AttentionProblem<float> problem, (float[] Output, float[] Sum) gradient, int start, int end)
    {
        using AttentionMemory memory = new(problem with { OutputGradient = gradient.Output, LogSumExpGradient = gradient.Sum });
        Range(start, end).Forward(memory);
        Range(start, end).Backward(memory);
        return (memory.QueryGradient.Gather(), memory.KeyGradient.Gather());
    }

    private static (float[] Output, float[] Sum) Part(int seed)
    {
        Random random = new(seed);
        return (AttentionProblems.Normal(random, s_shape.OutputCount), AttentionProblems.Normal(random, s_shape.RowCount, 3f));
    }

    private static void Empty((float[] Output, float[] Sum) part, int row, bool isEmpty)
    {
        if (isEmpty)
        {
            part.Output.AsSpan(row * s_shape.ValueSize, s_shape.ValueSize).Clear();
            part.Sum[row] = float.NegativeInfinity;
        }
    }

    private static double[] Widen(float[] numbers) => Array.ConvertAll(numbers, number => (double)number);

    private (float[] Output, float[] Sum) Merge((float[] Output, float[] Sum) first, (float[] Output, float[] Sum) second)
    {
        float[] output = new float[s_shape.OutputCount];
        float[] sum = new float[s_shape.RowCount];
        PartialAttention.Merge(
            _outputs.Read(first.Output),
            _sums.Read(first.Sum),
            _outputs.Read(second.Output),
            _sums.Read(second.Sum),
            _outputs.Write(output),
            _sums.Write(sum));
        return (output, sum);
    }

    private ((float[] Output, float[] Sum) First, (float[] Output, float[] Sum) Second) MergeBackward(
        (float[] Output, float[] Sum) first, (float[] Output, float[] Sum) second, (float[] Output, float[] Sum) gradient)
    {
        (float[] Output, float[] Sum) firstGradient = Part(8);
        (float[] Output, float[] Sum) secondGradient = Part(9);
        PartialAttention.MergeBackward(
            _outputs.Read(first.Output),
            _sums.Read(first.Sum),
            _outputs.Read(second.Output),
            _sums.Read(second.Sum),
            _outputs.Read(gradient.Output),
            _sums.Read(gradient.Sum),
            _outputs.Write(firstGradient.Output),
            _sums.Write(firstGradient.Sum),
            _outputs.Write(secondGradient.Output),
            _sums.Write(secondGradient.Sum));
        return (firstGradient, secondGradient);
    }

    /// <summary>Only keys from start to end.</summary>
    private readonly struct KeyRangeMask(int start, int end) : IAttentionMask
    {
        public static bool IsInterval => true;

        public bool Allows(int batch, int head, int query, int key) => key >= start && key < end;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
            new IndexRange(start, end).Contains(keys) ? TileCoverage.Full
            : keys.Intersect(new IndexRange(start, end)).IsEmpty ? TileCoverage.None
            : TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
            new IndexRange(start, end).Intersect(new IndexRange(0, keyLength));
    }
}
