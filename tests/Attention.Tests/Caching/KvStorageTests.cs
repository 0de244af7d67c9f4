using Attention.Caching;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Caching;

/// <summary>The documented errors of the storages.</summary>
public class KvStorageTests
{
    private static readonly AttentionShape s_shape = new(1, 4, 2, 200, 200, 24, 20);

    [Theory]
    [InlineData(KvStorage.BFloat16)]
    [InlineData(KvStorage.Int8)]
    public void Outputs_ErrByNoMoreThanTheBound(KvStorage storage)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        AttentionResult<double> exact = ReferenceAttention.Forward(problem with { Mask = (_, _, query, key) => key <= query });
        using ContiguousKvCache cache = new(CacheKinds.Options(s_shape, storage));
        CachedSequence sequence = new CachedSequence(cache, problem).Run(200);

        double largestValue = problem.Value.Max(Math.Abs);
        double keyError = StepOf(storage, problem.Key.Max(Math.Abs));
        double valueError = StepOf(storage, largestValue);
        double worst = 0;
        for (int row = 0; row < s_shape.RowCount; row++)
        {
            double score = problem.Query.AsSpan(row * 24, 24).ToArray().Sum(Math.Abs) * keyError / Math.Sqrt(24);

            // The bound is of exact arithmetic; that of floats is below a thousandth of the smallest of its terms.
            double bound = ((Math.Exp(2 * score) - 1) * largestValue) + (1.001 * valueError);
            for (int i = row * 20; i < (row + 1) * 20; i++)
            {
                double error = Math.Abs(sequence.Output[i] - exact.Output[i]);
                error.Should().BeLessThanOrEqualTo(bound);
                worst = Math.Max(worst, error);
            }
        }

        worst.Should().BeGreaterThan(valueError / 100, "something is rounded");
    }

    [Theory]
    [InlineData(KvStorage.Float32)]
    [InlineData(KvStorage.BFloat16)]
    [InlineData(KvStorage.Int8)]
    public void EveryWidth_StoresTheSameBits(KvStorage storage)
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape);
        CachedSequence expected = Run(SimdWidth.Scalar);
        foreach (SimdWidth width in SimdWidths.All)
        {
            Run(width).ShouldEqual(expected, $"stored at {width}");
        }

        CachedSequence Run(SimdWidth width)
        {
            using ContiguousKvCache cache = new(CacheKinds.Options(s_shape, storage, width));
            return new CachedSequence(cache, problem).Run(100, 1, 99);
        }
    }

    [Fact]
    public void Zeros_StayZeros()
    {
        AttentionProblem<float> problem = AttentionProblems.Random(s_shape) with { Value = new float[s_shape.ValueCount] };
        foreach (KvStorage storage in Enum.GetValues<KvStorage>())
        {
            using ContiguousKvCache cache = new(CacheKinds.Options(s_shape, storage));

            Tolerance.SameBits($"{storage}", new CachedSequence(cache, problem).Run(200).Output, new float[s_shape.OutputCount]);
        }
    }

    /// <summary>The largest error of a number among those no larger than <paramref name="largest"/>.</summary>
    private static double StepOf(KvStorage storage, double largest) =>
        storage == KvStorage.BFloat16 ? largest / 512 : largest / 254 * (1 + Math.Pow(2, -15));
}
