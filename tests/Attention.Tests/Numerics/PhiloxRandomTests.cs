using Attention.Numerics;

namespace Attention.Tests.Numerics;

public class PhiloxRandomTests
{
    private const int Count = 100_000;

    [Fact]
    public void Uniform_numbers_fill_their_range_evenly()
    {
        float[] numbers = new float[Count];
        new PhiloxRandom(42).FillUniform(numbers, -1f, 3f);
        numbers.Should().OnlyContain(number => number >= -1f && number < 3f);
        numbers.Average(number => (double)number).Should().BeApproximately(1, 4 * 4 / Math.Sqrt(12.0 * Count));
        for (int quarter = -1; quarter < 3; quarter++)
        {
            double share = numbers.Count(number => number >= quarter && number < quarter + 1);
            share.Should().BeApproximately(Count / 4.0, 4 * Math.Sqrt(Count * 3.0 / 16));
        }
    }

    [Fact]
    public void Normal_numbers_have_the_moments_of_the_normal_distribution()
    {
        float[] numbers = new float[Count];
        new PhiloxRandom(43).FillNormal(numbers, 2f, 3f);
        double[] standard = [.. numbers.Select(number => (number - 2.0) / 3.0)];
        standard.Average().Should().BeApproximately(0, 4 / Math.Sqrt(Count));
        standard.Average(x => x * x).Should().BeApproximately(1, 4 * Math.Sqrt(2.0 / Count));
        standard.Average(x => x * x * x).Should().BeApproximately(0, 4 * Math.Sqrt(15.0 / Count));
        standard.Average(x => x * x * x * x).Should().BeApproximately(3, 4 * Math.Sqrt(96.0 / Count));
        standard.Zip(standard.Skip(1)).Average(pair => pair.First * pair.Second).Should().BeApproximately(0, 4 / Math.Sqrt(Count));
    }

    [Fact]
    public void A_number_depends_on_seed_and_index_alone()
    {
        PhiloxRandom random = new(44);
        float[] whole = new float[50];
        float[] part = new float[20];
        random.FillNormal(whole);
        random.FillNormal(part, firstIndex: 17);
        part.Should().Equal(whole[17..37]);
        random.FillUniform(whole);
        random.FillUniform(part, firstIndex: 17);
        part.Should().Equal(whole[17..37]);
        new PhiloxRandom(45).Uniform(3).Should().NotBe(random.Uniform(3));
        random.Uniform(1UL << 34).Should().NotBe(random.Uniform(0), "all 64 bits of the index count");
    }
}
