using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>No bit depends on the number of threads; every tensor is large enough that several are used.</summary>
public class OperatorDeterminismTests
{
    private const int Rows = 301;
    private const int Columns = 257;
    private const int Elements = Rows * Columns;

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Elementwise_HasTheSameBits(SimdWidth width)
    {
        using OperatorTensor source = new(Random(Elements, 1), Spread.Turned, Rows, Columns);
        using OperatorTensor row = new(Random(Columns, 2), Columns);
        SameForAnyThreads(Elements, (results, threads) =>
        {
            using OperatorTensor destination = new(results, Rows, Columns);
            Elementwise.Accumulate(source.Read, destination.Write, 0.3f, 0.7f, threads, width);
            Elementwise.Multiply(destination.Read, row.Read, destination.Write, 0.1f, threads, width);
            Activation.Forward(ActivationKind.Gelu, destination.Read, destination.Write, threads, width);
            ElementDropout.Apply(destination.Read, 0.2f, 5, destination.Write, 0.5f, threads, width);
            return destination.Values;
        });
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Sums_HaveTheSameBits(SimdWidth width)
    {
        foreach (nint[] shape in (nint[][])[[1, 1], [1, Columns], [Rows, 1]])
        {
            foreach (Spread spread in new[] { Spread.Contiguous, Spread.Turned })
            {
                using OperatorTensor source = new(Random(Elements, 1), spread, Rows, Columns);
                SameForAnyThreads(Count(shape), (results, threads) =>
                {
                    using OperatorTensor sums = new(results, shape);
                    Elementwise.Sum(source.Read, sums.Write, 1, 0, threads, width);
                    return [.. sums.Values, (float)Elementwise.SumOfSquares(source.Read, threads, width)];
                });
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Normalization_HasTheSameBits(SimdWidth width)
    {
        using OperatorTensor input = new(Random(Elements, 1), Rows, Columns);
        float[] weight = Random(Columns, 2);
        foreach (NormalizationKind kind in Enum.GetValues<NormalizationKind>())
        {
            SameForAnyThreads(Elements, (results, threads) =>
            {
                using OperatorTensor output = new(results, Rows, Columns);
                Normalization.Forward(kind, input.Read, weight, [], 1e-5f, output.Write, threads, width);
                float[] weightGradient = new float[Columns];
                float[] biasGradient = new float[Columns];
                Normalization.Backward(
                    kind, input.Read, weight, 1e-5f, output.Read, output.Write, weightGradient, biasGradient, 0.5f, 0, threads, width);
                return [.. output.Values, .. weightGradient, .. biasGradient];
            });
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void CrossEntropyAndEmbedding_HaveTheSameBits(SimdWidth width)
    {
        using OperatorTensor logits = new(Random(Elements, 1), Rows, Columns);
        int[] targets = [.. Enumerable.Range(0, Rows).Select(row => row * 11 % Columns)];
        float[] slopes = Random(Rows, 2);
        SameForAnyThreads(Elements, (results, threads) =>
        {
            using OperatorTensor gradient = new(results, Rows, Columns);
            float[] losses = new float[Rows];
            CrossEntropy.Forward(logits.Read, targets, losses, 0.1f, threads, width);
            CrossEntropy.Backward(logits.Read, targets, slopes, gradient.Write, 0.1f, 0.5f, threads, width);
            using OperatorTensor table = new(new float[Columns * Columns], Columns, Columns);
            EmbeddingLookup.Backward(targets, gradient.Read, table.Write, 0.5f, threads, width);
            EmbeddingLookup.Forward(table.Read, targets, gradient.Write, threads);
            return [.. losses, .. table.Values, .. gradient.Values];
        });
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void OptimizerSteps_HaveTheSameBits(SimdWidth width)
    {
        using OperatorTensor gradient = new(Random(Elements, 1), Spread.Turned, Rows, Columns);
        SameForAnyThreads(Elements, (results, threads) =>
        {
            using OperatorTensor parameter = new(results, Rows, Columns);
            using OperatorTensor first = new(new float[Elements], Rows, Columns);
            using OperatorTensor second = new(new float[Elements], Rows, Columns);
            OptimizerStep.Adam(
                parameter.Write, gradient.Read, first.Write, second.Write, new AdamStep(0.1f, 0.9f, 0.99f, 1e-8f, 0.1f, 1, 1), threads, width);
            OptimizerStep.Momentum(parameter.Write, gradient.Read, first.Write, 0.1f, 0.9f, true, 0.1f, 1, threads, width);
            return [.. parameter.Values, .. first.Values, .. second.Values];
        });
    }

    /// <summary>Runs with 1, 2, 3 and 7 threads from the same numbers.</summary>
    private static void SameForAnyThreads(int count, Func<float[], int, float[]> run)
    {
        float[] one = run(Random(count, 99), 1);
        one.Should().NotContain(float.NaN);
        foreach (int threads in new[] { 2, 3, 7 })
        {
            Tolerance.SameBits($"{threads} threads", run(Random(count, 99), threads), one);
        }
    }
}
