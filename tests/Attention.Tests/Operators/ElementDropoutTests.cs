using Attention.Numerics;
using Attention.Operators;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Operators.OperatorTensor;

namespace Attention.Tests.Operators;

/// <summary>Which elements dropout keeps, and what becomes of them.</summary>
public class ElementDropoutTests
{
    private const ulong Seed = 0x1234_5678_9ABC;

    private static readonly nint[][] s_shapes = [[1], [3], [35], [5, 17], [2, 3, 40], [7, 1100], [0, 3]];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void WhatIsKept_DependsOnTheNumberOfTheElementAlone(SimdWidth width)
    {
        foreach (nint[] shape in s_shapes)
        {
            foreach (Spread from in Spreads)
            {
                foreach (Spread to in Spreads)
                {
                    foreach ((float probability, float beta) in new[] { (0.3f, 0f), (0.5f, 1f), (0f, 0f), (1f, 0f), (0.9f, -2f) })
                    {
                        float[] values = Random(shape, 1);
                        float[] before = beta == 0 ? Enumerable.Repeat(float.NaN, values.Length).ToArray() : Random(shape, 2);
                        using OperatorTensor input = new(values, from, shape);
                        using OperatorTensor output = new(before, to, shape);

                        ElementDropout.Apply(input.Read, probability, Seed, output.Write, beta, 2, width);

                        double[] expected = new double[values.Length];
                        float[] plain = new float[values.Length];
                        for (int i = 0; i < values.Length; i++)
                        {
                            bool keep = IsKept(i, probability);
                            expected[i] = (keep ? values[i] / (1.0 - probability) : 0) + (beta == 0 ? 0 : (double)beta * before[i]);
                            plain[i] = (keep ? values[i] * (1 / (1 - probability)) : 0) + (beta == 0 ? 0 : beta * before[i]);
                        }

                        string what = $"{from} to {to}, [{string.Join(", ", shape)}], {probability}";
                        Tolerance.Mechanism(what, output.Values, expected, plain, expected.Select(Math.Abs).DefaultIfEmpty().Max() + 1, values.Length);
                        output.GapsAreUntouched().Should().BeTrue(what);
                    }
                }
            }
        }
    }

    [Fact]
    public void NaN_IsDroppedToo()
    {
        float[] values = Enumerable.Repeat(float.NaN, 1000).ToArray();
        using OperatorTensor tensor = new(values, 1000);
        ElementDropout.Apply(tensor.Read, 0.4f, Seed, tensor.Write);
        for (int i = 0; i < 1000; i++)
        {
            tensor.Values[i].Should().Be(IsKept(i, 0.4f) ? float.NaN : 0f);
        }
    }

    [Fact]
    public void AsManyAreDroppedAsAskedFor()
    {
        const int Count = 100_000;
        using OperatorTensor input = new(Enumerable.Repeat(1f, Count).ToArray(), Count);
        using OperatorTensor output = new(new float[Count], Count);
        foreach (float probability in new[] { 0.1f, 0.5f, 0.8f })
        {
            ElementDropout.Apply(input.Read, probability, Seed, output.Write);
            double deviation = Math.Sqrt(probability * (1 - probability) * Count);
            ((double)output.Values.Count(x => x == 0)).Should().BeApproximately(probability * Count, 5 * deviation);
        }
    }

    // The numbers of elements do not end with 31 bits, where the counter's words change.
    [Fact]
    public unsafe void FactorsOfLaterElements_FollowTheirNumbers()
    {
        const int Count = 50;
        float* factors = stackalloc float[Count];
        foreach (long first in new[] { 0, 5, (1L << 31) - 23, (3L << 31) - 1, (1L << 40) + 7 })
        {
            DropoutMask.FillKeepOfElements(Seed, first, Count, 0.5f, factors);
            for (int i = 0; i < Count; i++)
            {
                factors[i].Should().Be(IsKept(first + i, 0.5f) ? 2f : 0f, $"element {first + i}");
            }
        }
    }

    private static bool IsKept(long element, float probability)
    {
        Span<uint> words = [(uint)(element & int.MaxValue) / 4, (uint)(element >> 31), 0, unchecked((uint)-2)];
        Philox.Generate(ref words[0], ref words[1], ref words[2], ref words[3], Seed);
        return probability < 1 && words[(int)(element % 4)] >= probability * 4294967296.0;
    }
}
