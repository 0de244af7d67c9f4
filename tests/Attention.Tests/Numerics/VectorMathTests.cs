using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using Attention.Numerics;
using Attention.Simd;
using Attention.TestKit;
using static Attention.Tests.Numerics.VectorFunctions;

namespace Attention.Tests.Numerics;

/// <summary>The errors that the doc comments state, and what they say of special numbers, at every width.</summary>
public class VectorMathTests
{
    private const float Infinity = float.PositiveInfinity;
    private const float NaN = float.NaN;
    private const float Largest = float.MaxValue;
    private const float Smallest = float.Epsilon;

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Exp2_errs_as_little_as_stated(SimdWidth width) => Sweep<Exp2>(width, -Infinity, Infinity, 1.1);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Exp2OfNonPositive_errs_as_little_as_stated(SimdWidth width) => Sweep<Exp2OfNonPositive>(width, -Infinity, 0f, 2.3);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void ExpScaledOfNonPositive_errs_as_little_as_stated(SimdWidth width) =>
        Sweep<ExpScaled>(width, -Infinity, 0f, 2.3, Fma.IsSupported || AdvSimd.IsSupported ? 0 : 0.7 * Scale);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Exp_errs_as_little_as_stated(SimdWidth width) => Sweep<Exp>(width, -Infinity, Infinity, 1.3);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Log_errs_as_little_as_stated(SimdWidth width) => Sweep<Log>(width, 0f, Infinity, 1.0);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Log2_errs_as_little_as_stated(SimdWidth width) => Sweep<Log2>(width, 0f, Infinity, 2.0);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Tanh_errs_as_little_as_stated(SimdWidth width) => Sweep<Tanh>(width, -Infinity, Infinity, 2.8);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void RationalTanh_errs_as_little_as_stated(SimdWidth width) => Sweep<Rational>(width, -Infinity, Infinity, 6.1);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Sigmoid_errs_as_little_as_stated(SimdWidth width) => Sweep<Sigmoid>(width, -88.72f, Infinity, 2.6);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Erf_errs_as_little_as_stated(SimdWidth width) => Sweep<Erf>(width, -Infinity, Infinity, 1.5);

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Special_numbers_are_exact(SimdWidth width)
    {
        Check<Exp2>(width, [0, 1, -1, 10, 127, 128, Largest, Infinity, -126, -126.6f, -127, -150, -Largest, -Infinity, NaN],
            [1, 2, 0.5f, 1024, MathF.ScaleB(1, 127), Infinity, Infinity, Infinity, MathF.ScaleB(1, -126), 0, 0, 0, 0, 0, NaN]);
        Check<Exp2OfNonPositive>(width, [0, -0f, -Smallest, -1, -100, -126, -126.6f, -127, -150, -Largest, -Infinity, NaN],
            [1, 1, 1, 0.5f, MathF.ScaleB(1, -100), MathF.ScaleB(1, -126), 0, 0, 0, 0, 0, NaN]);
        Check<ExpScaled>(width, [0, -0f, -Smallest, -705, -1000, -Largest, -Infinity, NaN], [1, 1, 1, 0, 0, 0, 0, NaN]);
        Check<Exp>(width, [0, -0f, Smallest, 88.8f, 100, Largest, Infinity, -87.8f, -100, -Largest, -Infinity, NaN],
            [1, 1, 1, Infinity, Infinity, Infinity, Infinity, 0, 0, 0, 0, NaN]);
        Check<Log>(width, [0, -0f, 1, Infinity, -Smallest, -1, -Largest, -Infinity, NaN],
            [-Infinity, -Infinity, 0, Infinity, NaN, NaN, NaN, NaN, NaN]);
        Check<Log2>(width, [0, -0f, 1, 2, 0.125f, Smallest, Infinity, -Smallest, -1, -Largest, -Infinity, NaN],
            [-Infinity, -Infinity, 0, 1, -3, -149, Infinity, NaN, NaN, NaN, NaN, NaN]);
        Check<Tanh>(width, [0, -0f, Smallest, -Smallest, 1e-20f, 10, -10, Largest, -Largest, Infinity, -Infinity, NaN],
            [0, -0f, Smallest, -Smallest, 1e-20f, 1, -1, 1, -1, 1, -1, NaN]);
        Check<Rational>(width, [0, -0f, Smallest, -Smallest, 1e-20f, 10, -10, Largest, -Largest, Infinity, -Infinity, NaN],
            [0, -0f, Smallest, -Smallest, 1e-20f, 1, -1, 1, -1, 1, -1, NaN]);
        Check<Sigmoid>(width, [0, -0f, 20, 100, Largest, Infinity, -88.8f, -100, -Largest, -Infinity, NaN],
            [0.5f, 0.5f, 1, 1, 1, 1, 0, 0, 0, 0, NaN]);
        Check<Erf>(width, [0, -0f, Smallest, -Smallest, 4, -4, Largest, -Largest, Infinity, -Infinity, NaN],
            [0, -0f, Smallest, -Smallest, 1, -1, 1, -1, 1, -1, NaN]);
    }

    [Theory]
    [InlineData(1f)]
    [InlineData(1e-29f)]
    [InlineData(1e30f)]
    public void Any_scale_flushes_negative_infinity_to_zero_and_keeps_the_largest_at_one(float scale)
    {
        float lowest = VectorMath.LowestDifference(scale);
        VectorMath.ExpScaledOfNonPositive<SimdScalar, float>(float.NegativeInfinity, scale, lowest).Should().Be(0f);
        VectorMath.ExpScaledOfNonPositive<SimdScalar, float>(0f, scale, lowest).Should().Be(1f);
        VectorMath.ExpScaledOfNonPositive<SimdScalar, float>(-1f / scale, scale, lowest).Should().BeApproximately(0.5f, 1e-6f);
    }

    private static void Sweep<TFunction>(SimdWidth width, float from, float to, double bound, double boundPerUnit = 0)
        where TFunction : struct, IVectorFunction
    {
        VectorSweep<TFunction> sweep = new(from, to, boundPerUnit);
        Widths.Run(width, sweep);
        sweep.Worst.Should().BeLessThanOrEqualTo(bound, $"that is the error stated, and at {sweep.WorstAt:R} it is larger");
        sweep.Worst.Should().BeGreaterThan(0.4, "a sweep that finds no error at all has not looked");
    }

    private static void Check<TFunction>(SimdWidth width, float[] arguments, float[] expected)
        where TFunction : struct, IVectorFunction
    {
        PointCheck<TFunction> check = new(arguments);
        Widths.Run(width, check);
        Tolerance.SameBits(typeof(TFunction).Name, check.Results, expected);
    }

    /// <summary>Computes the points in every lane of a vector whose other lanes hold other points.</summary>
    private sealed unsafe class PointCheck<TFunction>(float[] arguments) : IWidthAction
        where TFunction : struct, IVectorFunction
    {
        internal float[] Results { get; } = new float[arguments.Length];

        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            using GuardedBuffer input = new(TSimd.Count);
            using GuardedBuffer output = new(TSimd.Count);
            for (int first = 0; first < arguments.Length; first++)
            {
                for (int lane = 0; lane < TSimd.Count; lane++)
                {
                    input.Span[lane] = arguments[(first + lane) % arguments.Length];
                }

                TSimd.Store(TFunction.Invoke<TSimd, TVector>(TSimd.Load(input.Start)), output.Start);
                for (int lane = 0; lane < TSimd.Count; lane++)
                {
                    int point = (first + lane) % arguments.Length;
                    if (first > 0 && point < first)
                    {
                        Tolerance.SameBits(typeof(TFunction).Name, [output.Span[lane]], [Results[point]]);
                    }

                    Results[point] = output.Span[lane];
                }
            }
        }
    }
}
