using Attention.Numerics;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Numerics;

public class ConversionsTests
{
    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void BFloat16_rounds_to_nearest_even(SimdWidth width) => Widths.Run(width, new BFloat16Rounding());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void BFloat16_widens_and_narrows_without_loss(SimdWidth width) => Widths.Run(width, new BFloat16RoundTrip());

    [Fact]
    public unsafe void Half_is_the_rounding_of_the_runtime()
    {
        foreach (int length in ReductionsTests.Lengths(16))
        {
            using GuardedBuffer source = new(ReductionsTests.Numbers(length, 7));
            if (length > 5)
            {
                (source.Span[1], source.Span[3], source.Span[4]) = (float.NaN, float.NegativeInfinity, 1e6f);
            }

            using GuardedBuffer<Half> halves = new(length);
            using GuardedBuffer widened = new(length);
            Conversions.ToHalf(source.Start, halves.Start, length);
            Conversions.FromHalf(halves.Start, widened.Start, length);
            Tolerance.SameBits("half", widened.Span, [.. source.Span.ToArray().Select(value => (float)(Half)value)]);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Int8_errs_by_half_a_step(SimdWidth width) => Widths.Run(width, new Int8Error());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Int8_of_special_rows(SimdWidth width) => Widths.Run(width, new Int8Special());

    private readonly unsafe struct BFloat16Rounding : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            // Every upper half, with lower halves below, at and above the middle, and none.
            uint[] lowers = [0, 1, 0x7FFF, 0x8000, 0x8001, 0xFFFF];
            using GuardedBuffer source = new(0x10000);
            using GuardedBuffer<ushort> narrow = new(0x10000);
            foreach (uint lower in lowers)
            {
                for (uint upper = 0; upper < 0x10000; upper++)
                {
                    source.Span[(int)upper] = BitConverter.UInt32BitsToSingle(upper << 16 | lower);
                }

                Conversions.ToBFloat16<TSimd, TVector>(source.Start, narrow.Start, narrow.Length);
                for (int upper = 0; upper < 0x10000; upper++)
                {
                    float value = source.Span[upper];
                    bool up = lower > 0x8000 || (lower == 0x8000 && (upper & 1) == 1);
                    bool right = float.IsNaN(value)
                        ? float.IsNaN(BitConverter.Int32BitsToSingle(narrow.Span[upper] << 16))
                        : narrow.Span[upper] == upper + (up ? 1 : 0);
                    if (!right)
                    {
                        Assert.Fail($"{value:R} (0x{upper:X4}{lower:X4}) became 0x{narrow.Span[upper]:X4}.");
                    }
                }
            }
        }
    }

    private readonly unsafe struct BFloat16RoundTrip : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            foreach (int length in ReductionsTests.Lengths(TSimd.Count))
            {
                using GuardedBuffer<ushort> source = new(length);
                for (int i = 0; i < length; i++)
                {
                    source.Span[i] = (ushort)(0x3F80 + i * 37 % 0x3F00);
                }

                using GuardedBuffer wide = new(length);
                using GuardedBuffer<ushort> back = new(length);
                Conversions.FromBFloat16<TSimd, TVector>(source.Start, wide.Start, length);
                Conversions.ToBFloat16<TSimd, TVector>(wide.Start, back.Start, length);
                wide.Span.ToArray().Should().Equal(source.Span.ToArray().Select(bits => BitConverter.Int32BitsToSingle(bits << 16)));
                back.Span.ToArray().Should().Equal(source.Span.ToArray());
            }
        }
    }

    private readonly unsafe struct Int8Error : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            foreach (int length in ReductionsTests.Lengths(TSimd.Count).Where(length => length > 0))
            {
                foreach (float size in new[] { 1f, 1e-35f, 1e37f })
                {
                    using GuardedBuffer source = new([.. ReductionsTests.Numbers(length, 9).Select(value => value * size)]);
                    using GuardedBuffer<sbyte> bytes = new(length);
                    using GuardedBuffer back = new(length);
                    float scale = Conversions.ToInt8<TSimd, TVector>(source.Start, bytes.Start, length);
                    Conversions.FromInt8<TSimd, TVector>(bytes.Start, scale, back.Start, length);

                    scale.Should().Be(source.Span.ToArray().Max(Math.Abs) / 127f);
                    bytes.Span.ToArray().Max(value => Math.Abs((int)value)).Should().Be(127);
                    for (int i = 0; i < length; i++)
                    {
                        Math.Abs((double)source.Span[i] - back.Span[i]).Should().BeLessThanOrEqualTo(scale / 2.0 * (1 + 1.0 / (1 << 15)));
                    }
                }
            }
        }
    }

    private readonly unsafe struct Int8Special : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            int length = 2 * TSimd.Count + 1;
            using GuardedBuffer source = new(length);
            using GuardedBuffer<sbyte> bytes = new(length);
            using GuardedBuffer back = new(length);

            foreach (float tiny in new[] { 0f, -0f, float.Epsilon, -1e-37f })
            {
                source.Span.Fill(tiny);
                Conversions.ToInt8<TSimd, TVector>(source.Start, bytes.Start, length).Should().Be(0f);
                bytes.Span.ToArray().Should().OnlyContain(value => value == 0);
            }

            foreach (float poison in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
            {
                for (int position = 0; position < length; position++)
                {
                    source.Span.Fill(1f);
                    source.Span[position] = poison;
                    float scale = Conversions.ToInt8<TSimd, TVector>(source.Start, bytes.Start, length);
                    Conversions.FromInt8<TSimd, TVector>(bytes.Start, scale, back.Start, length);
                    back.Span.ToArray().Should().OnlyContain(value => float.IsNaN(value));
                }
            }

            source.Span.Fill(1f);
            source.Span[length - 1] = -float.MaxValue;
            float widest = Conversions.ToInt8<TSimd, TVector>(source.Start, bytes.Start, length);
            bytes.Span[length - 1].Should().Be(-127);
            widest.Should().Be(float.MaxValue / 127f);
        }
    }
}
