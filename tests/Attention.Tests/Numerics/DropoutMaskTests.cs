using Attention.Numerics;
using Attention.TestKit;

namespace Attention.Tests.Numerics;

public unsafe class DropoutMaskTests
{
    private const ulong Seed = 0x1234_5678_9ABC_DEF0;

    /// <summary>Its definition, from the counter function alone.</summary>
    private static float Definition(ulong seed, int batch, int head, int query, int key, float dropout)
    {
        uint[] words = [(uint)key / 4, (uint)query, (uint)head, (uint)batch];
        Philox.Generate(ref words[0], ref words[1], ref words[2], ref words[3], seed);
        return words[key % 4] < dropout * 4294967296.0 ? 0f : 1f / (1f - dropout);
    }

    [Fact]
    public void Any_piece_of_a_row_is_as_defined()
    {
        foreach (int first in Enumerable.Range(0, 9).Concat([127, 1 << 20, int.MaxValue - 90]))
        {
            foreach (int count in Enumerable.Range(0, 36).Concat([64, 83]))
            {
                using GuardedBuffer factors = new(count);
                DropoutMask.FillKeep(Seed, 2, 3, 5, first, count, 0.3f, factors.Start);
                float[] expected = [.. Enumerable.Range(first, count).Select(key => Definition(Seed, 2, 3, 5, key, 0.3f))];
                Tolerance.SameBits("factors", factors.Span, expected);
            }
        }
    }

    [Theory]
    [InlineData(0.1f)]
    [InlineData(0.5f)]
    [InlineData(0.9f)]
    public void The_share_dropped_is_the_one_asked_for(float dropout)
    {
        const int Rows = 100;
        const int Keys = 1000;
        using GuardedBuffer factors = new(Keys);
        double kept = 0;
        for (int query = 0; query < Rows; query++)
        {
            DropoutMask.FillKeep(Seed, 0, 0, query, 0, Keys, dropout, factors.Start);
            kept += factors.Span.ToArray().Count(factor => factor != 0);
            factors.Span.ToArray().Should().OnlyContain(factor => factor == 0f || factor == 1f / (1f - dropout));
        }

        double deviation = Math.Sqrt(Rows * Keys * dropout * (1.0 - dropout));
        kept.Should().BeApproximately(Rows * Keys * (1.0 - dropout), 4 * deviation);
    }

    [Fact]
    public void Every_coordinate_counts()
    {
        float[][] rows =
        [
            Row(Seed, 0, 0, 0), Row(Seed + 1, 0, 0, 0), Row(Seed + (1UL << 32), 0, 0, 0),
            Row(Seed, 1, 0, 0), Row(Seed, 0, 1, 0), Row(Seed, 0, 0, 1),
        ];
        for (int i = 0; i < rows.Length; i++)
        {
            for (int j = 0; j < i; j++)
            {
                int equal = rows[i].Zip(rows[j]).Count(pair => pair.First == pair.Second);
                equal.Should().BeInRange(500 - 64, 500 + 64, "independent halves agree in half of the cases, within 4 deviations");
            }
        }

        static float[] Row(ulong seed, int batch, int head, int query)
        {
            using GuardedBuffer factors = new(1000);
            DropoutMask.FillKeep(seed, batch, head, query, 0, 1000, 0.5f, factors.Start);
            return factors.Span.ToArray();
        }
    }

    [Fact]
    public void The_ends_of_the_range_are_exact()
    {
        using GuardedBuffer factors = new(1000);
        DropoutMask.FillKeep(Seed, 0, 0, 0, 0, 1000, 0f, factors.Start);
        factors.Span.ToArray().Should().OnlyContain(factor => factor == 1f);
        DropoutMask.FillKeep(Seed, 0, 0, 0, 0, 1000, 1f, factors.Start);
        factors.Span.ToArray().Should().OnlyContain(factor => factor == 0f);
    }
}
