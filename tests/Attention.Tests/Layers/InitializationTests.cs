using System.Numerics.Tensors;
using Attention.Layers;
using Attention.Numerics;
using Attention.TestKit;

namespace Attention.Tests.Layers;

public class InitializationTests
{
    private const int Count = 100_000;

    /// <summary>How many deviations of its own a sampled moment may be off; the seeds are fixed, so it is so once and for all.</summary>
    private const double Deviations = 4;

    private delegate void SpanFill(Span<float> destination, PhiloxRandom random);

    private delegate void TensorFill(in TensorSpan<float> destination, PhiloxRandom random);

    private static (string Name, SpanFill Span, TensorFill Tensor)[] Fills { get; } =
    [
        ("zeros", (d, _) => Initialization.Zeros(d), (in d, _) => Initialization.Zeros(d)),
        ("constant", (d, _) => Initialization.Constant(d, 0.3f), (in d, _) => Initialization.Constant(d, 0.3f)),
        ("uniform", (d, r) => Initialization.Uniform(d, r, -1, 2), (in d, r) => Initialization.Uniform(d, r, -1, 2)),
        ("normal", (d, r) => Initialization.Normal(d, r, 1, 2), (in d, r) => Initialization.Normal(d, r, 1, 2)),
        ("truncated", (d, r) => Initialization.TruncatedNormal(d, r, 1, 2, 0.5f), (in d, r) => Initialization.TruncatedNormal(d, r, 1, 2, 0.5f)),
        ("Glorot uniform", (d, r) => Initialization.GlorotUniform(d, r, 3, 4, 2), (in d, r) => Initialization.GlorotUniform(d, r, 3, 4, 2)),
        ("Glorot normal", (d, r) => Initialization.GlorotNormal(d, r, 3, 4, 2), (in d, r) => Initialization.GlorotNormal(d, r, 3, 4, 2)),
        ("He", (d, r) => Initialization.HeNormal(d, r, 3), (in d, r) => Initialization.HeNormal(d, r, 3)),
        ("orthogonal", (d, r) => Initialization.Orthogonal(d, r, 15, 7), (in d, r) => Initialization.Orthogonal(d, r)),
    ];

    [Fact]
    public void Zeros_and_constants()
    {
        float[] numbers = [float.NaN, 1, 2];
        Initialization.Zeros(numbers);
        numbers.Should().Equal(0, 0, 0);
        Initialization.Constant(numbers, 1.5f);
        numbers.Should().Equal(1.5f, 1.5f, 1.5f);
    }

    [Fact]
    public void Uniform_fills_its_range()
    {
        float[] numbers = Fill(1, (d, r) => Initialization.Uniform(d, r, -1, 3));
        numbers.Should().OnlyContain(number => number >= -1 && number < 3);
        CheckUniform(numbers, 1, 2);
    }

    [Fact]
    public void Glorot_uniform_has_the_range_of_its_fans()
    {
        float limit = (float)(2 * Math.Sqrt(6.0 / (30 + 70)));
        float[] numbers = Fill(2, (d, r) => Initialization.GlorotUniform(d, r, 30, 70, 2));
        numbers.Should().OnlyContain(number => number >= -limit && number < limit);
        CheckUniform(numbers, 0, limit);
    }

    [Fact]
    public void Normal_has_its_moments() => CheckNormal(Fill(3, (d, r) => Initialization.Normal(d, r, 2, 3)), 2, 3);

    [Fact]
    public void Glorot_normal_has_the_deviation_of_its_fans() =>
        CheckNormal(Fill(4, (d, r) => Initialization.GlorotNormal(d, r, 30, 70, 3)), 0, 3 * Math.Sqrt(2.0 / 100));

    [Fact]
    public void He_has_the_deviation_of_its_fan() =>
        CheckNormal(Fill(5, (d, r) => Initialization.HeNormal(d, r, 50)), 0, Math.Sqrt(2.0 / 50));

    /// <summary>Variance and fourth moment of a normal distribution cut at a: 1 - 2 a p / m and 3 - 2 (3 a + a^3) p / m.</summary>
    [Theory]
    [InlineData(2, 0.053990966513188, 0.954499736103642)]
    [InlineData(0.5, 0.352065326764300, 0.382924922548026)]
    public void Truncated_normal_has_the_moments_of_what_is_left(double limit, double density, double mass)
    {
        float[] numbers = Fill(6, (d, r) => Initialization.TruncatedNormal(d, r, 1, 0.2f, (float)limit));
        double[] standard = [.. numbers.Select(number => (number - 1.0) / 0.2)];

        // Mean plus deviation times number is rounded to float, near 1.
        standard.Should().OnlyContain(number => Math.Abs(number) <= limit + 1e-6);
        double variance = 1 - (2 * limit * density / mass);
        double fourth = 3 - (2 * ((3 * limit) + (limit * limit * limit)) * density / mass);
        standard.Average().Should().BeApproximately(0, Deviations * Math.Sqrt(variance / Count));
        standard.Average(x => x * x).Should().BeApproximately(variance, Deviations * Math.Sqrt((fourth - (variance * variance)) / Count));
    }

    [Fact]
    public void Truncated_normal_keeps_what_need_not_be_drawn_again()
    {
        float[] whole = Fill(7, (d, r) => Initialization.Normal(d, r));
        float[] cut = Fill(7, (d, r) => Initialization.TruncatedNormal(d, r));
        for (int i = 0; i < Count; i++)
        {
            (cut[i] == whole[i]).Should().Be(Math.Abs(whole[i]) <= 2, "element {0} was {1}", i, whole[i]);
        }

        Fill(7, (d, r) => Initialization.TruncatedNormal(d, r, limit: float.PositiveInfinity)).Should().Equal(whole);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(1, 9)]
    [InlineData(9, 1)]
    [InlineData(8, 8)]
    [InlineData(17, 31)]
    [InlineData(31, 17)]
    [InlineData(100, 100)]
    [InlineData(0, 5)]
    [InlineData(5, 0)]
    public void Orthogonal_rows_or_columns(int rows, int columns)
    {
        const float Gain = 1.5f;
        using GuardedBuffer matrix = new(rows * columns);
        Initialization.Orthogonal(matrix.Span, new PhiloxRandom(8), rows, columns, Gain);
        int count = Math.Min(rows, columns);
        int size = Math.Max(rows, columns);
        for (int first = 0; first < count; first++)
        {
            for (int second = 0; second <= first; second++)
            {
                double product = 0;
                for (int i = 0; i < size; i++)
                {
                    product += (double)Element(matrix.Span, first, i) * Element(matrix.Span, second, i);
                }

                // Each number was rounded once to float, relative to itself: the product of two vectors of length g is off by at
                // most 2^-23 g^2, by Cauchy's inequality; doubles add nothing to speak of.
                double expected = first == second ? Gain * Gain : 0;
                product.Should().BeApproximately(expected, Gain * Gain * 1.01 / (1 << 23));
            }
        }

        float Element(Span<float> numbers, int vector, int i) =>
            rows <= columns ? numbers[(vector * columns) + i] : numbers[(i * columns) + vector];
    }

    /// <summary>
    /// Without the signs of R, Q is not evenly spread: by Householder's method, its first elements would have a sign of their own.
    /// </summary>
    [Fact]
    public void Orthogonal_is_the_factor_of_a_positive_diagonal()
    {
        const int Size = 12;
        float[] normal = new float[Size * Size];
        float[] orthogonal = new float[Size * Size];
        Initialization.Normal(normal, new PhiloxRandom(9));
        Initialization.Orthogonal(orthogonal, new PhiloxRandom(9), Size, Size);
        for (int row = 0; row < Size; row++)
        {
            for (int direction = row; direction < Size; direction++)
            {
                double product = Enumerable.Range(0, Size).Sum(i => (double)normal[(row * Size) + i] * orthogonal[(direction * Size) + i]);
                if (direction == row)
                {
                    product.Should().BePositive("the diagonal of R is positive");
                }
                else
                {
                    // Rounding the direction to float alone: half a step relative to the length of the row, below 7 sqrt(12).
                    product.Should().BeApproximately(0, 7 * Math.Sqrt(Size) / (1 << 24), "R is triangular");
                }
            }
        }
    }

    [Fact]
    public void The_same_seed_gives_the_same_bits()
    {
        foreach ((string name, SpanFill fill, TensorFill _) in Fills)
        {
            float[] first = new float[105];
            float[] second = new float[105];
            float[] other = new float[105];
            fill(first, new PhiloxRandom(10));
            fill(second, new PhiloxRandom(10));
            fill(other, new PhiloxRandom(11));
            Tolerance.SameBits(name, second, first);
            other.SequenceEqual(first).Should().Be(name is "zeros" or "constant", "{0} depends on the seed", name);
        }
    }

    /// <summary>A view whose rows lie apart and whose axes are turned gets the numbers of a packed tensor, and nothing beside it is touched.</summary>
    [Fact]
    public void Any_strides_get_the_same_numbers()
    {
        foreach ((string name, SpanFill span, TensorFill tensor) in Fills)
        {
            bool matrix = name == "orthogonal";
            float[] packed = new float[105];
            span(packed, new PhiloxRandom(12));

            // [3, 5, 7] with the first two axes turned, or [15, 7]; rows of 7 lie 9 apart.
            float[] memory = new float[14 * 9 + 7 + 5];
            memory.AsSpan().Fill(float.NaN);
            tensor(
                matrix ? new TensorSpan<float>(memory, [15, 7], [9, 1]) : new TensorSpan<float>(memory, [3, 5, 7], [9, 27, 1]),
                new PhiloxRandom(12));
            int touched = 0;
            for (int row = 0; row < 15; row++)
            {
                int place = matrix ? row * 9 : (row / 5 * 9) + (row % 5 * 27);
                Tolerance.SameBits($"{name}, row {row}", memory.AsSpan(place, 7), packed.AsSpan(row * 7, 7));
                touched += 7;
            }

            memory.Count(number => !float.IsNaN(number)).Should().Be(touched, "{0} writes elements only", name);
        }
    }

    [Fact]
    public void Nothing_is_allocated()
    {
        foreach ((string name, SpanFill span, TensorFill tensor) in Fills)
        {
            float[] memory = new float[105];
            long least = long.MaxValue;
            for (int attempt = 0; attempt < 20; attempt++)
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                span(memory, new PhiloxRandom(1));
                tensor(new TensorSpan<float>(memory, [15, 7], []), new PhiloxRandom(1));
                least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
            }

            least.Should().Be(0, "{0} allocates nothing", name);
        }
    }

    private static float[] Fill(ulong seed, SpanFill fill)
    {
        float[] numbers = new float[Count];
        fill(numbers, new PhiloxRandom(seed));
        return numbers;
    }

    /// <summary>Mean, variance and fourth moment of a normal distribution are 0, 1 and 3; the moments of samples spread by 1, 2 and 96.</summary>
    private static void CheckNormal(float[] numbers, double mean, double deviation)
    {
        double[] standard = [.. numbers.Select(number => (number - mean) / deviation)];
        standard.Average().Should().BeApproximately(0, Deviations / Math.Sqrt(Count));
        standard.Average(x => x * x).Should().BeApproximately(1, Deviations * Math.Sqrt(2.0 / Count));
        standard.Average(x => x * x * x * x).Should().BeApproximately(3, Deviations * Math.Sqrt(96.0 / Count));
    }

    /// <summary>Of an even distribution over [-1, 1), x^2 has mean 1/3 and variance 1/5 - 1/9.</summary>
    private static void CheckUniform(float[] numbers, double middle, double limit)
    {
        double[] standard = [.. numbers.Select(number => (number - middle) / limit)];
        standard.Average().Should().BeApproximately(0, Deviations * Math.Sqrt(1.0 / 3 / Count));
        standard.Average(x => x * x).Should().BeApproximately(1.0 / 3, Deviations * Math.Sqrt((1.0 / 5 - 1.0 / 9) / Count));
    }
}
