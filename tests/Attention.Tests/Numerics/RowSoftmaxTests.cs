using Attention.Numerics;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Numerics;

public class RowSoftmaxTests
{
    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Weights_and_log_sum_exp_agree_with_double(SimdWidth width) => Widths.Run(width, new CompareWithDouble());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void A_row_hidden_as_a_whole_has_no_weight(SimdWidth width) => Widths.Run(width, new Hidden());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void NaN_and_positive_infinity_spread_over_the_row(SimdWidth width) => Widths.Run(width, new Poisoned());

    private readonly unsafe struct CompareWithDouble : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            foreach (int length in ReductionsTests.Lengths(TSimd.Count).Where(length => length > 0))
            {
                foreach (float spread in new[] { 0f, 1f, 30f, 1e4f })
                {
                    float[] scores = [.. ReductionsTests.Numbers(length, 5).Select(score => score * spread)];
                    for (int hidden = 3; hidden < length; hidden += 7)
                    {
                        scores[hidden] = float.NegativeInfinity;
                    }

                    double max = scores.Max();
                    double sum = scores.Sum(score => Math.Exp(score - max));
                    double[] expected = [.. scores.Select(score => Math.Exp(score - max) / sum)];

                    using GuardedBuffer row = new(scores);
                    using GuardedBuffer weights = new(length);
                    float logSumExp = RowSoftmax.Forward<TSimd, TVector>(row.Start, weights.Start, length);
                    for (int i = 0; i < length; i++)
                    {
                        // An exponential of 2.3 ULP, the rounding of the product where it is not fused, the sum's and the
                        // division's; and what flushes to 0.
                        double roundings = 8 + Math.Sqrt(length) + Math.Abs(Math.Log(expected[i] + 1e-38));
                        ((double)weights.Span[i]).Should().BeApproximately(expected[i], roundings * expected[i] / (1 << 23) + 1e-37);
                        if (scores[i] == float.NegativeInfinity)
                        {
                            weights.Span[i].Should().Be(0f);
                        }
                    }

                    double reference = max + Math.Log(sum);
                    ((double)logSumExp).Should().BeApproximately(reference, (Math.Abs(reference) + 4) / (1 << 22));

                    Tolerance.SameBits("in place", [RowSoftmax.Forward<TSimd, TVector>(row.Start, row.Start, length)], [logSumExp]);
                    Tolerance.SameBits("in place", row.Span, weights.Span);
                }
            }
        }
    }

    private readonly unsafe struct Hidden : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            foreach (int length in ReductionsTests.Lengths(TSimd.Count))
            {
                using GuardedBuffer row = new(length);
                row.Span.Fill(float.NegativeInfinity);
                using GuardedBuffer weights = new(length);
                RowSoftmax.Forward<TSimd, TVector>(row.Start, weights.Start, length).Should().Be(float.NegativeInfinity);
                weights.Span.ToArray().Should().NotContain(weight => weight != 0f);
            }
        }
    }

    private readonly unsafe struct Poisoned : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            int length = 2 * TSimd.Count + 3;
            foreach (float background in new[] { 0f, 1f, float.NegativeInfinity })
            {
                foreach (float poison in new[] { float.NaN, float.PositiveInfinity })
                {
                    for (int position = 0; position < length; position++)
                    {
                        using GuardedBuffer row = new(length);
                        row.Span.Fill(background);
                        row.Span[position] = poison;
                        using GuardedBuffer weights = new(length);
                        weights.Span.Clear();
                        RowSoftmax.Forward<TSimd, TVector>(row.Start, weights.Start, length).Should().Be(float.NaN);
                        weights.Span.ToArray().Should().OnlyContain(weight => float.IsNaN(weight));
                    }
                }
            }
        }
    }
}
