using System.Runtime.Intrinsics.Arm;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Simd;

/// <summary>Every member of <see cref="ISimd{TVector}"/> at every width against its definition for one number.</summary>
public unsafe class SimdTests
{
    private const float Infinity = float.PositiveInfinity;
    private const float NaN = float.NaN;

    private static readonly float[] s_numbers =
    [
        0, -0f, 1, -1, 0.5f, -0.5f, 1.5f, 2.5f, -2.5f, 3, -7.25f, 100.5f, 1e-3f, -1e10f, 3e38f, -3e38f, 1e-38f, 1e-45f, -1e-45f,
        8388607.5f, float.MaxValue, float.MinValue, Infinity, -Infinity, NaN,
    ];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    private delegate TVector Unary<TVector>(TVector value);

    private delegate TVector Binary<TVector>(TVector left, TVector right);

    private delegate float Across<TVector>(TVector value);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Arithmetic_of_one_number(SimdWidth width) => Widths.Run(width, new OneNumber());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Arithmetic_of_two_numbers(SimdWidth width) => Widths.Run(width, new TwoNumbers());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Multiply_add_is_fused_or_rounded_twice(SimdWidth width) => Widths.Run(width, new MultiplyAdd());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Powers_of_two_and_mantissas(SimdWidth width) => Widths.Run(width, new Exponents());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Masks_select_and_hide(SimdWidth width) => Widths.Run(width, new Masks());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Loads_and_stores_touch_one_vector_and_no_more(SimdWidth width) => Widths.Run(width, new Memory());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Pairs_are_taken_apart_and_joined_again(SimdWidth width) => Widths.Run(width, new Pairs());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Narrow_numbers(SimdWidth width) => Widths.Run(width, new Narrow());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Reductions_across_lanes(SimdWidth width) => Widths.Run(width, new Reductions());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Counts_and_constants(SimdWidth width) => Widths.Run(width, new Constants(width));

    [Fact]
    public void Preferred_is_the_widest_accelerated_width()
    {
        SimdWidths.All.Should().Equal(SimdWidth.Scalar, SimdWidth.Vector128, SimdWidth.Vector256, SimdWidth.Vector512);
        SimdWidths.All.Where(SimdWidths.IsAccelerated).Max().Should().Be(SimdWidths.Preferred);
        SimdWidths.IsAccelerated(SimdWidth.Automatic).Should().BeTrue();
        SimdWidths.Resolve(SimdWidth.Automatic).Should().Be(SimdWidths.Preferred);
        SimdWidths.Resolve(SimdWidth.Vector128).Should().Be(SimdWidth.Vector128);
    }

    /// <summary>Computes in every lane, with other numbers in the other lanes.</summary>
    private static void ForAll<TSimd, TVector>(
        string name, float[] left, float[] right, Binary<TVector> operation, Func<float, float, float> definition)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        using GuardedBuffer a = new(TSimd.Count);
        using GuardedBuffer b = new(TSimd.Count);
        using GuardedBuffer result = new(TSimd.Count);
        float[] expected = new float[TSimd.Count];
        int pairs = left.Length * right.Length;
        for (int first = 0; first < pairs; first++)
        {
            for (int lane = 0; lane < TSimd.Count; lane++)
            {
                int pair = (first + lane) % pairs;
                a.Span[lane] = left[pair / right.Length];
                b.Span[lane] = right[pair % right.Length];
                expected[lane] = definition(a.Span[lane], b.Span[lane]);
            }

            TSimd.Store(operation(TSimd.Load(a.Start), TSimd.Load(b.Start)), result.Start);
            Tolerance.SameBits($"{name}({Text(a)}; {Text(b)})", result.Span, expected);
        }

        static string Text(GuardedBuffer buffer) => string.Join(", ", buffer.Span.ToArray());
    }

    private static void ForEach<TSimd, TVector>(string name, float[] numbers, Unary<TVector> operation, Func<float, float> definition)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        ForAll<TSimd, TVector>(name, numbers, [0], (left, _) => operation(left), (left, _) => definition(left));

    /// <summary>What the comparisons of x86 do with NaN: the right operand wins. Arm gives NaN.</summary>
    private static float Choose(float left, float right, bool leftWins) =>
        AdvSimd.IsSupported && (float.IsNaN(left) || float.IsNaN(right)) ? NaN : leftWins ? left : right;

    private static float Mask(bool set) => BitConverter.Int32BitsToSingle(set ? -1 : 0);

    private readonly struct OneNumber : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            ForEach<TSimd, TVector>("Abs", s_numbers, TSimd.Abs, MathF.Abs);
            ForEach<TSimd, TVector>("Sqrt", s_numbers, TSimd.Sqrt, MathF.Sqrt);
            ForEach<TSimd, TVector>("Round", s_numbers, TSimd.Round, value => (float)Math.Round((double)value, MidpointRounding.ToEven));
        }
    }

    private readonly struct TwoNumbers : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            // Double holds these results with bits to spare, so that rounding it once more is the float result.
            ForAll<TSimd, TVector>("Add", s_numbers, s_numbers, TSimd.Add, (a, b) => (float)((double)a + b));
            ForAll<TSimd, TVector>("Subtract", s_numbers, s_numbers, TSimd.Subtract, (a, b) => (float)((double)a - b));
            ForAll<TSimd, TVector>("Multiply", s_numbers, s_numbers, TSimd.Multiply, (a, b) => (float)((double)a * b));
            ForAll<TSimd, TVector>("Divide", s_numbers, s_numbers, TSimd.Divide, (a, b) => (float)((double)a / b));
            ForAll<TSimd, TVector>("CopySign", s_numbers, s_numbers[..^1], TSimd.CopySign, MathF.CopySign);
            ForAll<TSimd, TVector>("LessThan", s_numbers, s_numbers, TSimd.LessThan, (a, b) => Mask(a < b));
            ForAll<TSimd, TVector>("Equals", s_numbers, s_numbers, TSimd.Equals, (a, b) => Mask(a == b));

            // Of zeros of both signs either may come out.
            float[] oneZero = [0, .. s_numbers[2..]];
            ForAll<TSimd, TVector>("Max", oneZero, oneZero, TSimd.Max, (a, b) => Choose(a, b, a > b));
            ForAll<TSimd, TVector>("Min", oneZero, oneZero, TSimd.Min, (a, b) => Choose(a, b, a < b));
        }
    }

    private readonly struct MultiplyAdd : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            // With products that are exact, fused and not is the same.
            float[] numbers = [.. s_numbers.Where(number => !(Math.Abs(number) is (> 0 and < 1e-37f) or (> 1e38f and <= float.MaxValue)))];
            foreach (float addend in numbers)
            {
                ForAll<TSimd, TVector>(
                    $"MultiplyAdd {addend}",
                    numbers,
                    [1, -1, 2, 0.5f, 0, -0f, NaN],
                    (left, right) => TSimd.MultiplyAdd(left, right, TSimd.Create(addend)),
                    (left, right) => left * right + addend);
            }

            // (1 + e)^2 - (1 + 2e) is e^2 fused, 0 where the product is rounded first.
            float step = 1f / (1 << 23);
            float both = TSimd.Sum(TSimd.MultiplyAdd(TSimd.Create(1 + step), TSimd.Create(1 + step), TSimd.Create(-1 - 2 * step)));
            both.Should().BeOneOf(0f, step * step * TSimd.Count);
        }
    }

    private readonly struct Exponents : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            float[] exponents = [.. Enumerable.Range(-127, 255).Select(exponent => (float)exponent)];
            ForEach<TSimd, TVector>("PowerOfTwo", exponents, TSimd.PowerOfTwo, Power);
            ForEach<TSimd, TVector>(
                "PowerOfTwoFromLowBits",
                exponents,
                exponent => TSimd.PowerOfTwoFromLowBits(TSimd.Add(exponent, TSimd.Create(12582912f + 127f))),
                Power);

            float[] normal = [1, 1.4142135f, 1.4142136f, 0.70710677f, 0.7071068f, 0.70710665f, 2, 3, 1e-37f, 1.17549435e-38f, 1e38f, float.MaxValue];
            ForEach<TSimd, TVector>("Exponent", normal, ExponentOf<TSimd, TVector>, Exponent);
            ForEach<TSimd, TVector>(
                "Mantissa", normal, value => TSimd.Mantissa(value, out _), value => (float)Math.ScaleB(value, -(int)Exponent(value)));
        }

        private static float Power(float exponent) => exponent == -127 ? 0 : MathF.ScaleB(1, (int)exponent);

        private static TVector ExponentOf<TSimd, TVector>(TVector value)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            TSimd.Mantissa(value, out TVector exponent);
            return exponent;
        }

        /// <summary>The exponent that leaves a mantissa in [sqrt(1/2), sqrt(2)), with the root as a float.</summary>
        private static float Exponent(float value)
        {
            int exponent = Math.ILogB(value);
            return Math.ScaleB(value, -exponent) >= 2 * BitConverter.Int32BitsToSingle(FloatBits.RootOfHalf) ? exponent + 1 : exponent;
        }
    }

    private readonly struct Masks : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            ForAll<TSimd, TVector>(
                "Select", s_numbers, s_numbers, (a, b) => TSimd.Select(TSimd.LessThan(a, b), a, b), (a, b) => a < b ? a : b);
            ForAll<TSimd, TVector>(
                "And of a value", s_numbers, s_numbers, (a, b) => TSimd.And(TSimd.LessThan(a, b), b), (a, b) => a < b ? b : 0f);
            ForAll<TSimd, TVector>(
                "And of masks",
                s_numbers,
                s_numbers,
                (a, b) => TSimd.And(TSimd.LessThan(TSimd.Zero, a), TSimd.LessThan(a, b)),
                (a, b) => Mask(a > 0 && a < b));
        }
    }

    private readonly struct Memory : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            float[] numbers = [.. Enumerable.Range(1, TSimd.Count).Select(number => number * 1.5f)];

            // A guarded buffer is aligned to nothing but the float unless it fills a page.
            using GuardedBuffer source = new(numbers);
            using GuardedBuffer destination = new(TSimd.Count + 1);
            TSimd.Store(TSimd.Load(source.Start), destination.Start + 1);
            destination.Span[1..].ToArray().Should().Equal(numbers);
            destination.Span[0].Should().Be(NaN);
            TSimd.Store(TSimd.Load(source.Start), destination.Start);
            destination.Span[TSimd.Count].Should().Be(numbers[^1], "a store must not reach beyond its vector");
        }
    }

    private readonly struct Pairs : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            float[] numbers = [.. Enumerable.Range(1, 2 * TSimd.Count).Select(number => number * 1.5f)];
            using GuardedBuffer source = new(numbers);
            using GuardedBuffer parts = new(2 * TSimd.Count);
            using GuardedBuffer destination = new(2 * TSimd.Count + 1);
            TSimd.Store(TSimd.LoadPairs(source.Start, out TVector second), parts.Start);
            TSimd.Store(second, parts.Start + TSimd.Count);
            parts.Span[..TSimd.Count].ToArray().Should().Equal(numbers.Where((_, index) => index % 2 == 0));
            parts.Span[TSimd.Count..].ToArray().Should().Equal(numbers.Where((_, index) => index % 2 == 1));

            TSimd.StorePairs(TSimd.Load(parts.Start), second, destination.Start + 1);
            destination.Span[1..].ToArray().Should().Equal(numbers);
            destination.Span[0].Should().Be(NaN);
            TSimd.StorePairs(TSimd.Load(parts.Start), second, destination.Start);
            destination.Span[2 * TSimd.Count].Should().Be(numbers[^1], "a store must not reach beyond its pairs");
        }
    }

    private readonly struct Narrow : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            using GuardedBuffer<sbyte> bytes = new(TSimd.Count);
            using GuardedBuffer<sbyte> storedBytes = new(TSimd.Count + 1);
            using GuardedBuffer<ushort> halves = new(TSimd.Count);
            using GuardedBuffer<ushort> storedHalves = new(TSimd.Count + 1);
            using GuardedBuffer wide = new(TSimd.Count);
            for (int first = sbyte.MinValue; first <= sbyte.MaxValue; first++)
            {
                for (int lane = 0; lane < TSimd.Count; lane++)
                {
                    bytes.Span[lane] = (sbyte)(first + lane * 31);
                    halves.Span[lane] = (ushort)(first * 256 + lane * 31);
                }

                TSimd.Store(TSimd.LoadInt8(bytes.Start), wide.Start);
                wide.Span.ToArray().Should().Equal(bytes.Span.ToArray().Select(value => (float)value));
                if (!bytes.Span.Contains(sbyte.MinValue))
                {
                    StoreInBetween(storedBytes, memory => TSimd.StoreInt8(TSimd.Load(wide.Start), memory), bytes.Span.ToArray());
                }

                TSimd.Store(TSimd.LoadBFloat16(halves.Start), wide.Start);
                Tolerance.SameBits("LoadBFloat16", wide.Span, [.. halves.Span.ToArray().Select(bits => BitConverter.Int32BitsToSingle(bits << 16))]);
                if (!wide.Span.ToArray().Any(float.IsNaN))
                {
                    StoreInBetween(storedHalves, memory => TSimd.StoreBFloat16(TSimd.Load(wide.Start), memory), halves.Span.ToArray());
                }
            }
        }

        private delegate void StoreTo<T>(T* memory)
            where T : unmanaged;

        /// <summary>Stores at the very end of the memory, and one before it: what lies on either side stays.</summary>
        private static void StoreInBetween<T>(GuardedBuffer<T> memory, StoreTo<T> store, T[] expected)
            where T : unmanaged
        {
            foreach (int offset in new[] { 0, 1 })
            {
                T sentinel = memory.Span[^1];
                memory.Span.Fill(sentinel);
                store(memory.Start + offset);
                memory.Span.Slice(offset, expected.Length).ToArray().Should().Equal(expected);
                memory.Span[offset == 0 ? expected.Length : 0].Should().Be(sentinel);
            }
        }
    }

    private readonly struct Reductions : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            float[] numbers = [.. Enumerable.Range(0, TSimd.Count).Select(lane => 1f + ((lane * 7) % 16))];
            using GuardedBuffer memory = new(TSimd.Count);
            for (int turn = 0; turn < TSimd.Count; turn++)
            {
                for (int lane = 0; lane < TSimd.Count; lane++)
                {
                    memory.Span[lane] = numbers[(lane + turn) % TSimd.Count];
                }

                Run(TSimd.Sum, TSimd.Load(memory.Start)).Should().Be(numbers.Sum());
                Run(TSimd.MaxAcross, TSimd.Load(memory.Start)).Should().Be(numbers.Max());
            }

            // The order of the sum: halves first. A large number is lost in any other.
            memory.Span.Fill(1f);
            if (TSimd.Count > 1)
            {
                memory.Span[0] = 1e20f;
                memory.Span[TSimd.Count / 2] = -1e20f;
                TSimd.Sum(TSimd.Load(memory.Start)).Should().Be(TSimd.Count - 2);
            }
        }

        private static float Run<TVector>(Across<TVector> operation, TVector value) => operation(value);
    }

    private readonly struct Constants(SimdWidth width) : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            TSimd.Count.Should().Be(width == SimdWidth.Scalar ? 1 : (int)width / 32);
            TSimd.TileVectors.Should().BeOneOf(2, 4);
            using GuardedBuffer memory = new(TSimd.Count);
            TSimd.Store(TSimd.Lanes, memory.Start);
            memory.Span.ToArray().Should().Equal(Enumerable.Range(0, TSimd.Count).Select(lane => (float)lane));
            TSimd.Store(TSimd.Zero, memory.Start);
            Tolerance.SameBits("Zero", memory.Span, new float[TSimd.Count]);
            TSimd.Store(TSimd.Create(2.5f), memory.Start);
            memory.Span.ToArray().Should().OnlyContain(value => value == 2.5f);
        }
    }
}
