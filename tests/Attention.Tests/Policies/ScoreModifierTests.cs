using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Policies;

public sealed class ScoreModifierTests
{
    // Every result below is a handful of roundings (and a tanh of a few units in the last place) away from double, each
    // relative to the largest number that takes part in it.
    private const double Roundings = 8;
    private const double Epsilon = 1.0 / (1 << 24);

    // With a cap of 30: from the linear middle far into saturation, odd in number so that no width divides it.
    private static readonly float[] s_scores = [.. Enumerable.Range(-41, 83).Select(step => step * MathF.Abs(step) * 0.11f), 1e30f];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Soft_cap_is_the_scaled_tanh(SimdWidth width)
    {
        foreach (float cap in new[] { 30f, 0.25f, 5000f })
        {
            ModifierRun<SoftCapModifier> run = ModifierRun<SoftCapModifier>.At(width, new SoftCapModifier(cap), s_scores);
            for (int key = 0; key < s_scores.Length; key++)
            {
                double tanh = Math.Tanh((double)s_scores[key] / cap);
                Near(run.Results[key], cap * tanh, Math.Abs(cap * tanh));
                Near(run.Derivatives[key], 1 - (tanh * tanh), 1);
                run.Results[key].Should().BeInRange(-cap, cap);
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Soft_cap_of_infinity_is_the_cap(SimdWidth width)
    {
        ModifierRun<SoftCapModifier> run = ModifierRun<SoftCapModifier>.At(width, new SoftCapModifier(20), [float.PositiveInfinity, float.NegativeInfinity, float.NaN, 0]);
        run.Results.Should().Equal(20, -20, float.NaN, 0);
        run.Derivatives.Should().Equal(0, 0, float.NaN, 1);
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Alibi_subtracts_the_distance(SimdWidth width)
    {
        (int head, int query, int offset) = (1, 3, 20);
        float slope = 0.3f;
        AlibiModifier own = new([7f, slope], offset);
        AlibiModifier perBatch = AlibiModifier.PerBatch([7f, slope], [-1000, offset]);
        ModifierRun<AlibiModifier> run = ModifierRun<AlibiModifier>.At(width, own, s_scores, batch: 1, head, query);
        ModifierRun<AlibiModifier>.At(width, perBatch, s_scores, batch: 1, head, query).Results.Should().Equal(run.Results);
        for (int key = 0; key < s_scores.Length; key++)
        {
            double penalty = (double)slope * Math.Abs(query + offset - key);
            Near(run.Results[key], s_scores[key] - penalty, Math.Abs(s_scores[key]) + penalty);
            run.Derivatives[key].Should().Be(1);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Alibi_positions_do_not_overflow(SimdWidth width)
    {
        ModifierRun<AlibiModifier> run = ModifierRun<AlibiModifier>.At(width, new AlibiModifier([1f], int.MaxValue), [0], query: int.MaxValue);
        run.Results[0].Should().Be(-4294967296f);
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Composition_applies_the_second_to_the_first(SimdWidth width)
    {
        (float cap, float slope, int query) = (12f, 0.25f, 9);
        ComposedModifier<AlibiModifier, SoftCapModifier> capLast = new AlibiModifier([slope]).Then(new SoftCapModifier(cap));
        ComposedModifier<SoftCapModifier, AlibiModifier> capFirst = new SoftCapModifier(cap).Then(new AlibiModifier([slope]));
        float[] last = ModifierRun<ComposedModifier<AlibiModifier, SoftCapModifier>>.At(width, capLast, s_scores, query: query).Results;
        float[] first = ModifierRun<ComposedModifier<SoftCapModifier, AlibiModifier>>.At(width, capFirst, s_scores, query: query).Results;
        for (int key = 0; key < s_scores.Length; key++)
        {
            double penalty = slope * Math.Abs(query - key);
            Near(last[key], cap * Math.Tanh((s_scores[key] - penalty) / cap), Math.Min(cap, Math.Abs(s_scores[key]) + penalty));
            Near(first[key], (cap * Math.Tanh(s_scores[key] / cap)) - penalty, cap + penalty);
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Derivatives_match_finite_differences(SimdWidth width)
    {
        MatchesDifferences(width, default(NoModifier));
        MatchesDifferences(width, new SoftCapModifier(2));
        MatchesDifferences(width, new AlibiModifier([0.125f]));
        MatchesDifferences(width, new SoftCapModifier(3).Then(new SoftCapModifier(2)));
        MatchesDifferences(width, new SoftCapModifier(2).Then(new AlibiModifier([0.125f])).Then(new SoftCapModifier(1.5f)));
    }

    [Fact]
    public void Slopes_of_8_heads_are_the_powers_of_a_half() =>
        AlibiModifier.Slopes(8).Should().Equal(0.5f, 0.25f, 0.125f, 0.0625f, 0.03125f, 0.015625f, 0.0078125f, 0.00390625f);

    [Fact]
    public void Slopes_of_12_heads_are_those_of_8_and_every_other_one_of_16()
    {
        float[] slopes = AlibiModifier.Slopes(12);
        slopes[..8].Should().Equal(AlibiModifier.Slopes(8));
        double[] rest = [.7071068, .3535534, .1767767, .0883883];
        for (int head = 0; head < 4; head++)
        {
            // The golden numbers have seven digits, which is half of 1e-7, and a float is half a unit of 6e-8 away.
            ((double)slopes[8 + head]).Should().BeApproximately(rest[head], 8e-8);
            slopes[8 + head].Should().Be(AlibiModifier.Slopes(16)[2 * head]);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(16)]
    [InlineData(33)]
    public void Slopes_follow_the_rule_for_any_number_of_heads(int heads)
    {
        int power = 1;
        while (power * 2 <= heads)
        {
            power *= 2;
        }

        double[] expected =
        [
            .. Enumerable.Range(1, power).Select(head => Math.Pow(2, -8.0 * head / power)),
            .. Enumerable.Range(1, 2 * power).Where(head => head % 2 == 1).Take(heads - power).Select(head => Math.Pow(2, -8.0 * head / (2 * power))),
        ];
        AlibiModifier.Slopes(heads).Should().Equal(expected.Select(slope => (float)slope));
        ModifierRun<AlibiModifier>.At(SimdWidth.Automatic, new AlibiModifier(heads), [0], head: heads - 1, query: 1).Results[0].Should().Be(-(float)expected[^1]);
    }

    [Theory]
    [InlineData(0f)]
    [InlineData(-1f)]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.Epsilon)]
    public void Soft_cap_refuses_a_bad_cap(float cap) =>
        FluentActions.Invoking(() => new SoftCapModifier(cap)).Should().Throw<ArgumentException>().WithParameterName(nameof(cap));

    [Fact]
    public void Alibi_refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => new AlibiModifier(0)).Should().Throw<ArgumentException>().WithParameterName("heads");
        FluentActions.Invoking(() => AlibiModifier.Slopes(-1)).Should().Throw<ArgumentException>().WithParameterName("heads");
        FluentActions.Invoking(() => new AlibiModifier(ReadOnlySpan<float>.Empty)).Should().Throw<ArgumentException>().WithParameterName("slopes");
        FluentActions.Invoking(() => new AlibiModifier([1, float.NaN])).Should().Throw<ArgumentException>().WithParameterName("slopes");
        FluentActions.Invoking(() => AlibiModifier.PerBatch([1], null!)).Should().Throw<ArgumentNullException>().WithParameterName("offsets");
        FluentActions.Invoking(() => AlibiModifier.PerBatch([1], [])).Should().Throw<ArgumentException>().WithParameterName("offsets");
    }

    [Fact]
    public void Modifiers_refuse_calls_that_they_do_not_fit()
    {
        AlibiModifier alibi = AlibiModifier.PerBatch([1, 2], [0]);
        FluentActions.Invoking(() => AlibiModifier.CheckCall(in alibi, 1, 3, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("modifier");
        FluentActions.Invoking(() => AlibiModifier.CheckCall(in alibi, 2, 2, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("modifier");
        FluentActions.Invoking(() => AlibiModifier.CheckCall(in alibi, 1, 2, 5, 5)).Should().NotThrow();

        SoftCapModifier none = default;
        FluentActions.Invoking(() => SoftCapModifier.CheckCall(in none, 1, 1, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("modifier");
        ComposedModifier<SoftCapModifier, AlibiModifier> second = new SoftCapModifier(1).Then(alibi);
        FluentActions.Invoking(() => ComposedModifier<SoftCapModifier, AlibiModifier>.CheckCall(in second, 1, 3, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("modifier");
        ComposedModifier<AlibiModifier, SoftCapModifier> first = alibi.Then(new SoftCapModifier(1));
        FluentActions.Invoking(() => ComposedModifier<AlibiModifier, SoftCapModifier>.CheckCall(in first, 1, 3, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("modifier");
    }

    private static void MatchesDifferences<TModifier>(SimdWidth width, TModifier modifier)
        where TModifier : struct, IScoreModifier
    {
        // A step of 2^-6 balances the curvature (step^2 / 6 times a third derivative below 2) against the rounding of results
        // of about 4 (2^-22) that the division by two steps enlarges 32 times.
        const float Step = 1f / 64;
        const double Bound = (Step * Step / 3) + (32 * 4 * Roundings * Epsilon);
        float[] scores = [.. Enumerable.Range(-10, 21).Select(step => step * 0.25f)];
        float[] derivatives = ModifierRun<TModifier>.At(width, modifier, scores).Derivatives;
        float[] above = ModifierRun<TModifier>.At(width, modifier, [.. scores.Select(score => score + Step)]).Results;
        float[] below = ModifierRun<TModifier>.At(width, modifier, [.. scores.Select(score => score - Step)]).Results;
        for (int key = 0; key < scores.Length; key++)
        {
            double difference = ((double)above[key] - below[key]) / (2 * Step);
            Math.Abs(derivatives[key] - difference).Should().BeLessThan(Bound, $"at score {scores[key]} the difference is {difference}, the derivative {derivatives[key]}");
        }
    }

    private static void Near(float actual, double expected, double magnitude) =>
        Math.Abs(actual - expected).Should().BeLessThanOrEqualTo(Roundings * Epsilon * magnitude, $"{actual} should be {expected}");
}
