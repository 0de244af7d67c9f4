using Attention.Mechanisms;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Hard attention against plain loops in double: choices, log-probabilities, entropies and gradients.</summary>
public class HardAttentionTests
{
    private static readonly AttentionShape s_large = new(2, 4, 2, 67, 131, 1, 33);

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Everything_IsTheReference(SimdWidth width)
    {
        AttentionOptions options = new() { Width = width };
        foreach (AttentionShape shape in ShapeCases.Small.Where(shape => shape.KeyLength > 0 || shape.RowCount == 0))
        {
            Check(shape, default(NoMask), Placement.Guarded, options);
            Check(shape, CausalMask.TopLeft, Placement.Positions, options);
        }

        foreach (AttentionShape shape in ShapeCases.Ragged.Where(shape => shape.KeyLength > 1))
        {
            Check(shape, default(CheckerboardMask), default, options);
        }
    }

    [Fact]
    public void LongRows_AreTheReference() => Check(new(1, 2, 1, 3, 2053, 1, 300), default(NoMask), Placement.Guarded, default);

    [Fact]
    public void TheReference_HasTheGradientsOfDifferences()
    {
        double[] scores = AttentionProblems.Wave(3, 7, 2);
        HardAttentionRow<double> row = new(scores, key => key != 4);

        Tolerance.Differences(
            "scores", row.ScoreGradient(2, 1.5, -0.7),
            FiniteDifferences.Gradient(scores, () =>
            {
                HardAttentionRow<double> moved = new(scores, key => key != 4);
                return 1.5 * moved.LogWeights[2] - 0.7 * moved.Entropy;
            }));
    }

    [Fact]
    public void TheLargest_IsTheFirstOfSeveral()
    {
        int[] choices = Choose([1, 3, 3, 2, 3], KeyChoice.Largest, default(NoMask));
        choices.Should().Equal(1);
        Choose([1, 3, 3, 2, 3], KeyChoice.Largest, new WindowMask(0, 2, 2)).Should().Equal(2);
    }

    [Fact]
    public void AlmostEqualScores_AreToldApart()
    {
        Choose([1, MathF.BitIncrement(1)], KeyChoice.Largest, default(NoMask)).Should().Equal(1);
    }

    [Fact]
    public void OneKey_IsSoftAttention()
    {
        AttentionShape shape = new(1, 2, 1, 3, 5, 1, 4);
        using HardMemory memory = new(shape);
        WindowMask single = new(0, 0);
        memory.Forward(KeyChoice.Sampled(1), single);
        memory.Backward(single);

        // One weight is 1: the value itself, log-probability and entropy 0, and nothing to learn.
        memory.Choices.Should().Equal(0, 1, 2, 0, 1, 2);
        memory.Output.Gather()[4..8].Should().Equal(memory.ValueValues[4..8]);
        memory.LogProbability.Gather().Should().OnlyContain(x => x == 0);
        memory.Entropy.Gather().Should().OnlyContain(x => x == 0);
        memory.ScoresGradient.Gather().Should().OnlyContain(x => x == 0);
    }

    [Theory]
    [InlineData(1e4f)]
    [InlineData(1e30f)]
    public void LargeScores_StayFinite(float factor)
    {
        using HardMemory memory = new(new(1, 2, 2, 7, 33, 1, 3), factor: factor);
        memory.Forward(KeyChoice.Sampled(3), default(NoMask));
        memory.Backward(default(NoMask));
        memory.Results().Should().OnlyContain(x => float.IsFinite(x));
    }

    [Fact]
    public void AWeightThatUnderflowed_HasALogarithmAndAGradient()
    {
        // exp(-200) is no float; nothing is divided by it.
        float[] scores = [0, -200];
        int[] choices = [1];
        float[] logProbability = new float[1];
        float[] gradient = new float[2];
        HardAttention.Forward(
            new(scores, [1, 1, 1, 2], []), default, default(NoMask), KeyChoice.Given, choices, default, new(logProbability, [1, 1, 1], []));
        HardAttention.ScoreGradients(new(scores, [1, 1, 1, 2], []), default(NoMask), choices, new([1f], [1, 1, 1], []), default, new(gradient, [1, 1, 1, 2], []));

        logProbability.Should().Equal(-200);
        gradient.Should().Equal(-1, 1);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void ThreadsAndNeighbours_ChangeNoBit(int threads)
    {
        foreach (SimdWidth width in SimdWidths.All)
        {
            using HardMemory one = new(s_large);
            using HardMemory several = new(s_large);
            Run(one, new() { MaxDegreeOfParallelism = 1, Width = width });
            Run(several, new() { MaxDegreeOfParallelism = threads, Width = width });
            Tolerance.SameBits("results", several.Results(), one.Results());
        }

        using HardMemory whole = new(s_large);
        using HardMemory alone = new(new(1, 4, 2, 67, 131, 1, 33));
        whole.Forward(KeyChoice.Sampled(5), CausalMask.TopLeft);
        alone.Forward(KeyChoice.Sampled(5), CausalMask.TopLeft);
        Tolerance.SameBits("log-probability", whole.LogProbability.Gather().AsSpan(0, 4 * 67), alone.LogProbability.Gather());

        static void Run(HardMemory memory, AttentionOptions options)
        {
            memory.Forward(KeyChoice.Sampled(5), CausalMask.TopLeft, options);
            memory.Backward(CausalMask.TopLeft, options);
        }
    }

    [Fact]
    public void WhatAMaskHides_ChangesNoBit()
    {
        AttentionShape shape = new(2, 2, 2, 5, 37, 1, 6);
        KeyLengthMask mask = new([20, 3]);
        using HardMemory clean = new(shape);
        using HardMemory dirty = new(shape);
        for (int i = 0; i < dirty.ScoreValues.Length; i++)
        {
            dirty.Scores.Data[i] = i % 37 >= (i < dirty.ScoreValues.Length / 2 ? 20 : 3) ? float.NaN : dirty.Scores.Data[i];
        }

        for (int i = 0; i < dirty.ValueValues.Length; i++)
        {
            dirty.Value.Data[i] = i / 6 % 37 >= (i < dirty.ValueValues.Length / 2 ? 20 : 3) ? float.NaN : dirty.Value.Data[i];
        }

        foreach (HardMemory memory in new[] { clean, dirty })
        {
            memory.Forward(KeyChoice.Sampled(9), mask);
            memory.Backward(mask);
        }

        Tolerance.SameBits("results", dirty.Results(), clean.Results());
    }

    /// <summary>Log-probabilities and entropies, and their gradients, may be views: here the two of a row stand side by side.</summary>
    [Fact]
    public void NumbersOfRows_MayHaveAnyStrides()
    {
        AttentionShape shape = new(2, 3, 1, 5, 7, 1, 4);
        using HardMemory memory = new(shape);
        memory.Forward(KeyChoice.Sampled(5), CausalMask.TopLeft);
        memory.Backward(CausalMask.TopLeft);
        nint[] lengths = [2, 3, 5];
        Layout first = Layout.Strided(lengths, [30, 10, 2]);
        Layout second = Layout.Strided(lengths, [30, 10, 2], 1);
        float[] both = new float[60];
        float[] slopes = new float[60];
        first.Scatter<float>(memory.Slopes.Gather(), slopes);
        second.Scatter<float>(memory.EntropySlopes.Gather(), slopes);
        int[] choices = new int[shape.RowCount];
        float[] gradient = new float[memory.ScoreValues.Length];
        HardAttention.Forward(
            memory.Scores.Read(), default, CausalMask.TopLeft, KeyChoice.Sampled(5), choices, default, first.Write(both), second.Write(both));
        HardAttention.ScoreGradients(
            memory.Scores.Read(), CausalMask.TopLeft, choices, first.Read(slopes), second.Read(slopes), new(gradient, [2, 3, 5, 7], []));

        choices.Should().Equal(memory.Choices);
        Tolerance.SameBits("log-probability", first.Gather<float>(both), memory.LogProbability.Gather());
        Tolerance.SameBits("entropy", second.Gather<float>(both), memory.Entropy.Gather());
        Tolerance.SameBits("gradient", gradient, memory.ScoresGradient.Gather());
    }

    [Fact]
    public void ARowWithoutKeys_HasNoGradient()
    {
        float[] gradient = [9, 9, 9];
        HardAttention.ScoreGradients(
            new([1f, float.NaN, 2], [1, 1, 1, 3], []), new KeyLengthMask(0), [], default, new([1f], [1, 1, 1], []), new(gradient, [1, 1, 1, 3], []));
        gradient.Should().Equal(0, 0, 0);
    }

    [Fact]
    public void ADraw_IsTheInverseOfTheDistribution()
    {
        using HardMemory memory = new(s_large);
        memory.Forward(KeyChoice.Sampled(77), CausalMask.TopLeft);
        int near = 0;
        for (int row = 0; row < s_large.RowCount; row++)
        {
            (int batch, int head, int query) = memory.At(row);
            (int key, double margin) = memory.Row<double, CausalMask>(row, CausalMask.TopLeft).Draw(AttentionRandom.Uniform(77, batch, head, query));

            // Weights in float decide otherwise than in double at most where the number lies between two keys.
            near += margin < 1e-5 ? 1 : 0;
            (memory.Choices[row] == key || margin < 1e-5).Should().BeTrue("row {0} drew {1}, not {2}", row, memory.Choices[row], key);
        }

        near.Should().BeLessThan(10);
    }

    private static int[] Choose<TMask>(float[] scores, KeyChoice choice, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        int[] choices = new int[1];
        HardAttention.Forward(new(scores, [1, 1, 1, scores.Length], []), default, mask, choice, choices, default);
        return choices;
    }

    private static void Check<TMask>(AttentionShape shape, TMask mask, Placement placement, AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        foreach (KeyChoice choice in new[] { KeyChoice.Largest, KeyChoice.Sampled(5) })
        {
            using HardMemory memory = new(shape, placement);
            memory.Forward(choice, mask, options);
            memory.Backward(mask, options);
            Verify(memory, mask, choice, $"{shape} {typeof(TMask).Name} {choice} {options.Width}");
        }
    }

    private static void Verify<TMask>(HardMemory memory, TMask mask, KeyChoice choice, string what)
        where TMask : struct, IAttentionMask
    {
        AttentionShape shape = memory.Shape;
        int rows = shape.RowCount;
        HardAttentionRow<double>[] exact = [.. Enumerable.Range(0, rows).Select(row => memory.Row<double, TMask>(row, mask))];
        HardAttentionRow<float>[] plain = [.. Enumerable.Range(0, rows).Select(row => memory.Row<float, TMask>(row, mask))];
        double farthest = exact.Select(row => row.LargestDistance).DefaultIfEmpty().Max();
        double sensitivity = exact.Select(row => row.Sensitivity).DefaultIfEmpty().Max();
        float[] slopes = memory.Slopes.Gather();
        float[] entropySlopes = memory.EntropySlopes.Gather();
        double steepest = slopes.Concat(entropySlopes).Select(slope => Math.Abs((double)slope)).DefaultIfEmpty().Max();

        Tolerance.Mechanism(
            $"log-probability of {what}", memory.LogProbability.Gather(), [.. exact.Select((row, i) => row.LogWeights[memory.Choices[i]])],
            [.. plain.Select((row, i) => row.LogWeights[memory.Choices[i]])], 1 + farthest, rows);
        Tolerance.Mechanism(
            $"entropy of {what}", memory.Entropy.Gather(), [.. exact.Select(row => row.Entropy)], [.. plain.Select(row => row.Entropy)], sensitivity, rows);
        Tolerance.Mechanism(
            $"gradient of scores of {what}", memory.ScoresGradient.Gather(),
            [.. exact.SelectMany((row, i) => row.ScoreGradient(memory.Choices[i], slopes[i], entropySlopes[i]))],
            [.. plain.SelectMany((row, i) => row.ScoreGradient(memory.Choices[i], slopes[i], entropySlopes[i]))], steepest * (1 + sensitivity), rows);

        double[] expectedGradient = new double[shape.ValueCount];
        float[] plainGradient = new float[shape.ValueCount];
        float[] outputs = memory.Output.Gather();
        float[] outputGradient = memory.OutputGradient.Gather();
        for (int row = 0; row < rows; row++)
        {
            (int batch, int head, _) = memory.At(row);
            if (choice == KeyChoice.Largest)
            {
                memory.Choices[row].Should().Be(exact[row].Largest);
            }

            int start = (((batch * shape.KeyValueHeads) + (head / (shape.Heads / shape.KeyValueHeads))) * shape.KeyLength + memory.Choices[row]) * shape.ValueSize;
            for (int i = 0; i < shape.ValueSize; i++)
            {
                outputs[row * shape.ValueSize + i].Should().Be(memory.ValueValues[start + i]);
                expectedGradient[start + i] += outputGradient[row * shape.ValueSize + i];
                plainGradient[start + i] += outputGradient[row * shape.ValueSize + i];
            }
        }

        Tolerance.Mechanism($"gradient of value of {what}", memory.ValueGradient.Gather(), expectedGradient, plainGradient, 1, rows);
    }
}
