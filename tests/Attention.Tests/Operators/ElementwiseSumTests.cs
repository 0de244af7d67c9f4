using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Sums over axes, and of squares, against double.</summary>
public class ElementwiseSumTests
{
    public static IEnumerable<object[]> AllWidths => Widths.All;

    /// <summary>The shape of the source and that of the sums; the last ones need several chunks, blocks of columns, or both.</summary>
    private static readonly (nint[] Source, nint[] Sums)[] s_shapes =
    [
        ([1], [1]),
        ([37], [1]),
        ([37], [37]),
        ([5, 19], [19]),
        ([5, 19], [1, 19]),
        ([5, 19], [5, 1]),
        ([5, 19], [1, 1]),
        ([3, 7, 5], [7, 1]),
        ([3, 7, 5], [3, 1, 5]),
        ([2, 3, 5, 7], [3, 1, 7]),
        ([2, 3, 5, 7], [2, 1, 5, 1]),
        ([0, 5], [5]),
        ([3, 0], [3, 1]),
        ([0], [1]),
        ([1300, 9], [9]),
        ([9, 1300], [9, 1]),
        ([259, 2100], [2100]),
        ([7, 90, 11], [90, 1]),
        ([40_000], [1]),
    ];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Sum_AgreesWithDouble(SimdWidth width)
    {
        foreach ((nint[] full, nint[] own) in s_shapes)
        {
            foreach (Spread from in Spreads)
            {
                foreach ((Spread to, float alpha, float beta) in new[] { (Spread.Contiguous, 1f, 0f), (Spread.Reversed, -0.5f, 0f), (Spread.Everywhere, 2f, -1.5f) })
                {
                    using OperatorTensor source = new(Random(full, 1), from, full);
                    float[] before = beta == 0 ? Enumerable.Repeat(float.NaN, Count(own)).ToArray() : Random(own, 2);
                    using OperatorTensor sums = new(before, to, own);

                    Elementwise.Sum(source.Read, sums.Write, alpha, beta, 3, width);

                    float[] values = source.Values;
                    double[] expected = new double[before.Length];
                    double[] sizes = new double[before.Length];
                    float[] plain = new float[before.Length];
                    for (int i = 0; i < values.Length; i++)
                    {
                        int place = OperatorLoops.Broadcast(i, full, own);
                        expected[place] += values[i];
                        sizes[place] += Math.Abs(values[i]);
                        plain[place] += values[i];
                    }

                    for (int i = 0; i < expected.Length; i++)
                    {
                        expected[i] = alpha * expected[i] + (beta == 0 ? 0 : (double)beta * before[i]);
                        plain[i] = alpha * plain[i] + (beta == 0 ? 0 : beta * before[i]);
                    }

                    string what = $"{from}, alpha {alpha}, beta {beta}, [{string.Join(", ", full)}] to [{string.Join(", ", own)}]";
                    Tolerance.Mechanism(what, sums.Values, expected, plain, Math.Abs(alpha) * sizes.Max() + 4, before.Length);
                    sums.GapsAreUntouched().Should().BeTrue(what);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void SumOfSquares_AgreesWithDouble(SimdWidth width)
    {
        foreach ((nint[] full, _) in s_shapes)
        {
            foreach (Spread from in Spreads)
            {
                // The second and third leave the range of float when squared.
                foreach (float size in new[] { 1f, 1e25f, 1e-30f })
                {
                    float[] values = [.. Random(full, 1).Select(value => value * size)];
                    using OperatorTensor source = new(values, from, full);
                    double expected = values.Sum(value => (double)value * value);

                    double actual = Elementwise.SumOfSquares(source.Read, 2, width);

                    // Runs of 1024 go through four accumulators, so a square meets at most 1024 / 4 + 8 roundings, and the
                    // squares of a run that is trusted lie in the range of float.
                    actual.Should().BeApproximately(expected, expected * 264 / (1 << 24), $"{from}, [{string.Join(", ", full)}], {size}");
                }
            }
        }
    }

    [Fact]
    public void SumOfSquares_ShowsNaNAndInfinity()
    {
        foreach (float value in new[] { float.NaN, float.PositiveInfinity })
        {
            float[] values = Random(3000, 1);
            values[2222] = value;
            using OperatorTensor source = new(values, 3000);
            Elementwise.SumOfSquares(source.Read).Should().Be(value);
        }
    }

    [Fact]
    public void Sum_ToItsOwnShapeMayBeInPlace()
    {
        using OperatorTensor tensor = new([1, 2, 3], 3);
        Elementwise.Sum(tensor.Read, tensor.Write, alpha: 2, beta: 1);
        tensor.Values.Should().Equal(3, 6, 9);
    }
}
