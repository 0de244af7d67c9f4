using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Copies, sums of tensors and products against double, over shapes, broadcasts, strides and widths.</summary>
public class ElementwiseTests
{
    public static IEnumerable<object[]> AllWidths => Widths.All;

    /// <summary>The shape of the destination, and those of two operands that are broadcast to it.</summary>
    private static readonly (nint[] Full, nint[] Left, nint[] Right)[] s_shapes =
    [
        ([1], [1], [1]),
        ([7], [7], [1]),
        ([33], [33], [33]),
        ([5, 19], [5, 19], [19]),
        ([5, 19], [5, 1], [1, 19]),
        ([70, 67], [70, 67], [70, 1]),
        ([3, 1, 17], [17], [3, 1, 1]),
        ([2, 3, 5, 7], [3, 1, 7], [2, 1, 5, 1]),
        ([4, 33, 65], [4, 33, 65], [33, 65]),
        ([2, 1, 3, 1, 2, 37], [2, 1, 3, 1, 2, 37], [1, 1, 3, 1, 1, 37]),
        ([0, 5], [0, 5], [5]),
    ];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Accumulate_AgreesWithDouble(SimdWidth width)
    {
        foreach ((nint[] full, nint[] own, _) in s_shapes)
        {
            foreach (Spread from in Spreads)
            {
                foreach (Spread to in Spreads)
                {
                    foreach ((float alpha, float beta) in new[] { (1f, 0f), (-0.75f, 0f), (1f, 1f), (0.3f, -2.5f) })
                    {
                        using OperatorTensor source = new(Random(own, 1), from, own);
                        float[] before = beta == 0 ? NaNs(full) : Random(full, 2);
                        using OperatorTensor destination = new(before, to, full);

                        Elementwise.Accumulate(source.Read, destination.Write, alpha, beta, 3, width);

                        float[] values = source.Values;
                        double[] expected = new double[before.Length];
                        float[] plain = new float[before.Length];
                        for (int i = 0; i < expected.Length; i++)
                        {
                            float value = values[OperatorLoops.Broadcast(i, full, own)];
                            expected[i] = (double)alpha * value + (beta == 0 ? 0 : (double)beta * before[i]);
                            plain[i] = alpha * value + (beta == 0 ? 0 : beta * before[i]);
                        }

                        string what = $"{from} to {to}, alpha {alpha}, beta {beta}, shape [{string.Join(", ", full)}]";
                        Tolerance.Mechanism(what, destination.Values, expected, plain, 4, before.Length);
                        destination.GapsAreUntouched().Should().BeTrue(what);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Multiply_AgreesWithDouble(SimdWidth width)
    {
        foreach ((nint[] full, nint[] leftShape, nint[] rightShape) in s_shapes)
        {
            foreach (Spread from in Spreads)
            {
                foreach (Spread to in Spreads)
                {
                    foreach (float beta in new[] { 0f, -0.5f })
                    {
                        using OperatorTensor left = new(Random(leftShape, 1), from, leftShape);
                        using OperatorTensor right = new(Random(rightShape, 2), to, rightShape);
                        float[] before = beta == 0 ? NaNs(full) : Random(full, 3);
                        using OperatorTensor destination = new(before, to, full);

                        Elementwise.Multiply(left.Read, right.Read, destination.Write, beta, 2, width);

                        (float[] a, float[] b) = (left.Values, right.Values);
                        double[] expected = new double[before.Length];
                        float[] plain = new float[before.Length];
                        for (int i = 0; i < expected.Length; i++)
                        {
                            float x = a[OperatorLoops.Broadcast(i, full, leftShape)];
                            float y = b[OperatorLoops.Broadcast(i, full, rightShape)];
                            expected[i] = (double)x * y + (beta == 0 ? 0 : (double)beta * before[i]);
                            plain[i] = x * y + (beta == 0 ? 0 : beta * before[i]);
                        }

                        string what = $"{from} to {to}, beta {beta}, shape [{string.Join(", ", full)}]";
                        Tolerance.Mechanism(what, destination.Values, expected, plain, 4, before.Length);
                        destination.GapsAreUntouched().Should().BeTrue(what);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Fill_ReachesEveryElementAndNoGap(SimdWidth width)
    {
        foreach ((nint[] full, _, _) in s_shapes)
        {
            foreach (Spread spread in Spreads)
            {
                foreach (float value in new[] { 0f, -3.5f, float.NaN, float.PositiveInfinity })
                {
                    using OperatorTensor destination = new(Random(full, 1), spread, full);
                    Elementwise.Fill(destination.Write, value, 2, width);
                    Tolerance.SameBits("Fill", destination.Values, Enumerable.Repeat(value, Count(full)).ToArray());
                    destination.GapsAreUntouched().Should().BeTrue();
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Destination_MayBeTheSource(SimdWidth width)
    {
        foreach (Spread spread in Spreads)
        {
            nint[] shape = [5, 37];
            using OperatorTensor tensor = new(Random(shape, 1), spread, shape);
            float[] before = tensor.Values;
            Elementwise.Accumulate(tensor.Read, tensor.Write, 2f, 1f, 1, width);
            Tolerance.SameBits("sum", tensor.Values, [.. before.Select(value => 3 * value)]);
            Elementwise.Multiply(tensor.Read, tensor.Read, tensor.Write, 0f, 1, width);
            Tolerance.SameBits("square", tensor.Values, [.. before.Select(value => 3 * value * (3 * value))]);
        }
    }

    private static float[] NaNs(nint[] lengths) => Enumerable.Repeat(float.NaN, Count(lengths)).ToArray();
}
