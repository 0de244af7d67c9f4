using System.Numerics;
using Attention.Positions;
using Attention.Tests.Golden;

namespace Attention.Tests.Positions;

public sealed class RelativeBucketsTests
{
    [Theory]
    [InlineData(true, "t5_bidirectional_32_128")]
    [InlineData(false, "t5_causal_32_128")]
    public void Bucket_GivesTheGoldenNumbers(bool isBidirectional, string name)
    {
        RelativeBuckets buckets = new(isBidirectional);

        GoldenPositions.Numbers("t5_rel_k_minus_q").Select(relative => buckets.Bucket((int)relative))
            .Should().Equal(GoldenPositions.Numbers(name).Select(bucket => (int)bucket));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 2)]
    [InlineData(3, 2)]
    [InlineData(3, 1000)]
    [InlineData(8, 5)]
    [InlineData(16, 128)]
    [InlineData(17, 100)]
    [InlineData(32, 128)]
    [InlineData(33, 17)]
    [InlineData(64, 4096)]
    public void Bucket_IsTheDefinitionInWholeNumbers(int side, int maximumDistance)
    {
        RelativeBuckets causal = new(isBidirectional: false, side, maximumDistance);
        RelativeBuckets both = new(isBidirectional: true, 2 * side, maximumDistance);
        for (int distance = 0; distance <= maximumDistance + 3; distance++)
        {
            int expected = Definition(side, maximumDistance, distance);

            causal.Bucket(-distance).Should().Be(expected, "{0} of {1} buckets up to {2}", distance, side, maximumDistance);
            causal.Bucket(distance).Should().Be(0);
            both.Bucket(-distance).Should().Be(expected);
            both.Bucket(distance).Should().Be(expected + (distance > 0 ? side : 0));
        }
    }

    [Fact]
    public void Distances_OnABoundBelongToTheFartherBucket()
    {
        RelativeBuckets buckets = new(isBidirectional: false, 16, 128);

        // The bounds are 8 * 16^(k/8): 16, 32 and 64 are whole, and logarithms in float put them anywhere.
        ((int[])[15, 16, 31, 32, 63, 64, 127, 128]).Select(distance => buckets.Bucket(-distance)).Should().Equal(9, 10, 11, 12, 13, 14, 15, 15);
    }

    [Fact]
    public void FarthestPositions_HaveTheLastBuckets()
    {
        RelativeBuckets buckets = new(true, 32, int.MaxValue);

        buckets.Bucket(int.MinValue).Should().Be(15);
        buckets.Bucket(int.MaxValue).Should().Be(31);
        buckets.Bucket(int.MaxValue - 1).Should().Be(31);
        new RelativeBuckets().Bucket(int.MinValue).Should().Be(15);
    }

    [Fact]
    public void AnOddNumber_LeavesTheLastBucketEmpty()
    {
        RelativeBuckets odd = new(true, 33);
        RelativeBuckets even = new(true, 32);

        Enumerable.Range(-300, 601).Should().OnlyContain(relative => odd.Bucket(relative) == even.Bucket(relative));
        odd.Count.Should().Be(33);
    }

    [Fact]
    public void ThousandsOfBuckets_AreBuiltAtOnce()
    {
        RelativeBuckets buckets = new(isBidirectional: false, 20_000, 1 << 20);

        Enumerable.Range(0, 1 << 20).Select(distance => buckets.Bucket(-distance)).Should().BeInAscendingOrder();
        buckets.Bucket(-(1 << 20)).Should().Be(19_999);
    }

    [Fact]
    public void BadInput_IsNamed()
    {
        Refused("count", () => new RelativeBuckets(true, 1));
        Refused("count", () => new RelativeBuckets(false, 0));
        Refused("maximumDistance", () => new RelativeBuckets(true, 32, 8));
        Refused("maximumDistance", () => new RelativeBuckets(false, 32, 16));
        Refused("maximumDistance", () => new RelativeBuckets(false, 1, 0));
        Refused("maximumDistance", () => new RelativeBuckets(true, 32, -1));
        new RelativeBuckets(true, 32, 9).MaximumDistance.Should().Be(9);

        static void Refused(string parameter, Func<object> call) => call.Should().Throw<ArgumentOutOfRangeException>().WithParameterName(parameter);
    }

    /// <summary>The largest k with <c>distance^wide >= maximum^k exact^(wide-k)</c>, tried one by one.</summary>
    private static int Definition(int side, int maximum, int distance)
    {
        int exact = side / 2;
        if (distance < exact || side == 1)
        {
            return side == 1 ? 0 : distance;
        }

        int wide = side - exact;
        int step = 0;
        while (step < wide - 1
            && BigInteger.Pow(distance, wide) >= BigInteger.Pow(maximum, step + 1) * BigInteger.Pow(exact, wide - step - 1))
        {
            step++;
        }

        return exact + step;
    }
}
