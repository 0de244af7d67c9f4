using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Rows of a table and their gradients: no bit may differ from a plain loop, since nothing is reordered.</summary>
public class EmbeddingLookupTests
{
    private static readonly (int Count, int Size, int[] Indices)[] s_cases =
    [
        (1, 1, [0]),
        (5, 3, [4, 0, 0, 2]),
        (7, 16, [1, 1, 1, 1, 1]),
        (9, 65, [8, 3, 3, 0, 8, 5, 1]),
        (300, 130, [.. Enumerable.Range(0, 1000).Select(i => i * i % 300)]),
        (4, 0, [1, 2]),
        (4, 5, []),
    ];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Fact]
    public void Forward_CopiesTheRows()
    {
        foreach ((int count, int size, int[] indices) in s_cases)
        {
            foreach (Spread spread in new[] { Spread.Contiguous, Spread.Rows })
            {
                using OperatorTensor table = new(Random(count * size, 1), spread, count, size);
                using OperatorTensor output = new(new float[indices.Length * size], spread, indices.Length, size);

                EmbeddingLookup.Forward(table.Read, indices, output.Write, 2);

                float[] rows = table.Values;
                float[] expected = [.. indices.SelectMany(index => rows[(index * size)..((index + 1) * size)])];
                Tolerance.SameBits($"[{count}, {size}]", output.Values, expected);
                output.GapsAreUntouched().Should().BeTrue();
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Backward_AddsInTheOrderOfTheIndices(SimdWidth width)
    {
        foreach ((int count, int size, int[] indices) in s_cases)
        {
            foreach (float beta in new[] { 1f, 0f, -0.5f })
            {
                float[] slopes = Random(indices.Length * size, 1);
                float[] expected = beta == 0 ? Enumerable.Repeat(float.NaN, count * size).ToArray() : Random(count * size, 2);
                using OperatorTensor outputGradient = new(slopes, Spread.Rows, indices.Length, size);
                using OperatorTensor tableGradient = new(expected, Spread.Rows, count, size);

                EmbeddingLookup.Backward(indices, outputGradient.Read, tableGradient.Write, beta, 3, width);

                for (int i = 0; i < expected.Length; i++)
                {
                    expected[i] = beta == 0 ? 0 : beta * expected[i];
                }

                for (int i = 0; i < slopes.Length; i++)
                {
                    expected[indices[i / size] * size + i % size] += slopes[i];
                }

                Tolerance.SameBits($"[{count}, {size}], beta {beta}", tableGradient.Values, expected);
                tableGradient.GapsAreUntouched().Should().BeTrue();
            }
        }
    }
}
