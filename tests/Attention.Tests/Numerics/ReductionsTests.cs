using Attention.Numerics;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Numerics;

public class ReductionsTests
{
    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void All_lengths_agree_with_double(SimdWidth width) => Widths.Run(width, new CompareWithDouble());

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void The_order_of_summation_depends_on_nothing_but_the_length(SimdWidth width) => Widths.Run(width, new Shift());

    internal static float[] Numbers(int count, ulong seed)
    {
        float[] numbers = new float[count];
        new PhiloxRandom(seed).FillNormal(numbers);
        return numbers;
    }

    /// <summary>0 to two vectors and one, and longer ones that no width divides.</summary>
    internal static IEnumerable<int> Lengths(int width) => Enumerable.Range(0, 2 * width + 2).Concat([4 * width, 4 * width + 1, 61, 255, 1009]);

    private readonly unsafe struct CompareWithDouble : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            foreach (int length in Lengths(TSimd.Count))
            {
                using GuardedBuffer left = new(Numbers(length, 1));
                using GuardedBuffer right = new(Numbers(length, 2));
                double sum = 0, sizes = 0, dot = 0, products = 0, squares = 0;
                float max = float.NegativeInfinity;
                for (int i = 0; i < length; i++)
                {
                    double a = left.Span[i];
                    double b = right.Span[i];
                    sum += a;
                    sizes += Math.Abs(a);
                    dot += a * b;
                    products += Math.Abs(a * b);
                    squares += a * a;
                    max = Math.Max(max, left.Span[i]);
                }

                Reductions.Max<TSimd, TVector>(left.Start, length).Should().Be(max);
                Near(Reductions.Sum<TSimd, TVector>(left.Start, length), sum, sizes, length);
                Near(Reductions.Dot<TSimd, TVector>(left.Start, right.Start, length), dot, products, length);
                Near(Reductions.SumOfSquares<TSimd, TVector>(left.Start, length), squares, squares, length);
            }
        }

        /// <summary>The bound of any order of summation (Higham, "Accuracy and stability", 4.2): n roundings of the sum of sizes.</summary>
        private static void Near(float actual, double expected, double sizes, int length) =>
            ((double)actual).Should().BeApproximately(expected, (length + 1) * sizes / (1 << 24), $"of {length} numbers");
    }

    private readonly unsafe struct Shift : IWidthAction
    {
        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            float[] numbers = Numbers(123, 3);
            using GuardedBuffer ended = new(numbers);
            float expected = Reductions.Sum<TSimd, TVector>(ended.Start, numbers.Length);
            for (int offset = 1; offset < 17; offset++)
            {
                using GuardedBuffer moved = new(numbers.Length + offset);
                numbers.CopyTo(moved.Span);
                Tolerance.SameBits("Sum", [Reductions.Sum<TSimd, TVector>(moved.Start, numbers.Length)], [expected]);
            }
        }
    }
}
