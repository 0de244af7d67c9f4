using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.PublicApi.Tests;

/// <summary>An outsider's policies run in the kernels of the library, forward and backward.</summary>
public sealed class OutsiderKernelTests
{
    // Inputs lie in [-1, 1], scores within 12 and so within a few 1e-6 after rounding, outputs are weighted means: ten times that.
    private const double Tolerance = 2e-5;

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Their_causal_mask_gives_the_bits_of_the_library(SimdWidth width)
    {
        AttentionRun own = AttentionRun.With(width, default(CausalByHand), default(NoModifier));
        AttentionRun library = AttentionRun.With(width, CausalMask.TopLeft, default(NoModifier));
        foreach ((float[] ours, float[] theirs) in own.Results.Zip(library.Results))
        {
            ours.AsSpan().SequenceEqual(theirs).Should().BeTrue();
        }

        Near(own.Output, AttentionRun.Expected((_, _, query, key) => key <= query, (score, _, _, _) => score));
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Their_dilated_mask_agrees_with_plain_loops(SimdWidth width)
    {
        DilatedMask mask = new(step: 3, count: 9);
        Near(AttentionRun.With(width, mask, default(NoModifier)).Output, AttentionRun.Expected(mask.Allows, (score, _, _, _) => score));
    }

    [Fact]
    public void Their_dilated_mask_agrees_with_the_same_as_a_dense_mask_and_as_a_block_list()
    {
        const SimdWidth Width = SimdWidth.Automatic;
        DilatedMask mask = new(step: 3, count: 9);
        AttentionRun own = AttentionRun.With(Width, mask, default(NoModifier));

        bool[] allowed = [.. Enumerable.Range(0, AttentionRun.QueryLength * AttentionRun.KeyLength)
            .Select(pair => mask.Allows(0, 0, pair / AttentionRun.KeyLength, pair % AttentionRun.KeyLength))];
        DenseMask dense = new(new ReadOnlyTensorSpan<bool>(allowed, [AttentionRun.QueryLength, AttentionRun.KeyLength]));
        Near(own, AttentionRun.With(Width, dense, default(NoModifier)));
        Near(own, AttentionRun.With(
            Width,
            new BlockListMask<DilatedMask>(mask, BlockList.Build(in mask, 1, 2, 71, 83, 16, 16)),
            default(NoModifier)));
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Their_soft_cap_agrees_with_plain_loops_and_the_library(SimdWidth width)
    {
        AttentionRun own = AttentionRun.With(width, default(NoMask), new SoftCapByHand(1.5f));
        Near(own.Output, AttentionRun.Expected((_, _, _, _) => true, (score, _, _, _) => 1.5 * Math.Tanh(score / 1.5)));
        Near(own, AttentionRun.With(width, default(NoMask), new SoftCapModifier(1.5f)));
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Their_recency_bias_agrees_with_plain_loops(SimdWidth width)
    {
        AttentionRun own = AttentionRun.With(width, default(CausalByHand), new RecencyBias(0.25f));
        Near(own.Output, AttentionRun.Expected(
            (_, _, query, key) => key <= query,
            (score, head, query, key) => score - ((head + 1) * 0.25 * Math.Log(1 + Math.Abs(query - key)))));
    }

    [Fact]
    public void Policies_of_the_library_agree_with_plain_loops()
    {
        int[] documents = [.. Enumerable.Range(0, AttentionRun.KeyLength).Select(token => token / 20)];
        AndMask<DocumentMask, WindowMask> mask = new DocumentMask(documents.AsSpan(..AttentionRun.QueryLength), documents).And(new WindowMask(30, 4, 2));
        ComposedModifier<SoftCapModifier, AlibiModifier> modifier = new SoftCapModifier(2).Then(new AlibiModifier([0.25f, 0.0625f], 2));
        AttentionRun run = AttentionRun.With(SimdWidth.Automatic, mask, modifier);
        Near(run.Output, AttentionRun.Expected(
            (_, _, query, key) => documents[query] == documents[key] && key >= query - 28 && key <= query + 6,
            (score, head, query, key) => (2 * Math.Tanh(score / 2)) - ((head == 0 ? 0.25 : 0.0625) * Math.Abs(query + 2 - key))));
    }

    [Fact]
    public void Policies_of_other_sizes_are_refused()
    {
        FluentActions.Invoking(() => AttentionRun.With(SimdWidth.Automatic, new DocumentMask([1, 2, 3]), default(NoModifier)))
            .Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => AttentionRun.With(SimdWidth.Automatic, new KeyLengthMask([84]), default(NoModifier)))
            .Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => AttentionRun.With(SimdWidth.Automatic, default(NoMask), new AlibiModifier(3)))
            .Should().Throw<ArgumentException>().WithParameterName("modifier");
    }

    private static void Near(AttentionRun run, AttentionRun expected)
    {
        foreach ((float[] ours, float[] theirs) in run.Results.Zip(expected.Results))
        {
            Near(ours, [.. theirs.Select(number => (double)number)]);
        }
    }

    private static void Near(float[] actual, double[] expected)
    {
        double worst = actual.Zip(expected, (ours, theirs) => Math.Abs(ours - theirs)).Max();
        worst.Should().BeLessThan(Tolerance);
        expected.Max().Should().BeGreaterThan(0.1, "nothing is compared with nothing");
    }
}
