using Attention.Policies;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.PublicApi.Tests;

/// <summary>Policies written with nothing but the public interfaces.</summary>
public sealed class OutsiderPolicyTests
{
    private static readonly float[] s_scores = [.. Enumerable.Range(-20, 41).Select(step => step * 0.7f)];

    public static IEnumerable<object[]> AllWidths => Widths.All;

    [Fact]
    public void Their_masks_do_not_lie()
    {
        MaskValidator.Validate(default(CausalByHand), 2, 3, 7, 11).ThrowIfInvalid();
        MaskValidator.Validate(default(CausalByHand), 1, 1, 900, 700).ThrowIfInvalid();
        MaskValidator.Validate(new DilatedMask(step: 3, count: 4), 1, 2, 23, 19).ThrowIfInvalid();
        MaskValidator.Validate(new DilatedMask(step: 7, count: 20), 1, 1, 700, 900).ThrowIfInvalid();
    }

    [Fact]
    public void Their_masks_combine_with_those_of_the_library()
    {
        AndMask<DilatedMask, KeyLengthMask> mask = new DilatedMask(step: 2, count: 3).And(new KeyLengthMask([5, 11]));
        MaskValidator.Validate(mask, 2, 1, 9, 11).ThrowIfInvalid();
        mask.Allows(0, 0, 6, 4).Should().BeTrue();
        mask.Allows(0, 0, 6, 6).Should().BeFalse("only five keys of the first batch element are real");
        mask.Allows(1, 0, 6, 5).Should().BeFalse("only every other key is seen");
    }

    [Fact]
    public void Their_masks_profit_from_a_block_list()
    {
        DilatedMask mask = new(step: 1, count: 1000);
        BlockList list = BlockList.Build(in mask, 1, 1, 64, 64, queryBlock: 16, keyBlock: 16);
        list.Count(TileCoverage.Full).Should().Be(6, "a step of 1 is causal, which its own Cover never calls full");
        MaskValidator.Validate(new BlockListMask<DilatedMask>(mask, list), 1, 1, 64, 64).ThrowIfInvalid();
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Their_soft_cap_is_the_one_of_the_library(SimdWidth width)
    {
        // The library multiplies by the reciprocal where the user divides: a rounding or two of numbers up to 5
        // (4.8e-7 each), and the same tanh.
        const float Cap = 5;
        (float[] own, float[] ownDerivatives) = Run(width, new SoftCapByHand(Cap));
        (float[] library, float[] libraryDerivatives) = Run(width, new SoftCapModifier(Cap));
        for (int key = 0; key < s_scores.Length; key++)
        {
            own[key].Should().BeApproximately(library[key], 2e-6f, $"of score {s_scores[key]}");
            ownDerivatives[key].Should().BeApproximately(libraryDerivatives[key], 1e-6f, $"of score {s_scores[key]}");
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Their_recency_bias_counts_lanes_as_keys(SimdWidth width)
    {
        (float[] results, float[] derivatives) = Run(width, new RecencyBias(0.5f), head: 2, query: 10);
        for (int key = 0; key < s_scores.Length; key++)
        {
            double expected = s_scores[key] - (3 * 0.5 * Math.Log(1 + Math.Abs(10 - key)));
            ((double)results[key]).Should().BeApproximately(expected, 1e-5, "a few roundings of numbers up to 20");
            derivatives[key].Should().Be(1);
        }
    }

    private static (float[] Results, float[] Derivatives) Run<TModifier>(SimdWidth width, TModifier modifier, int head = 0, int query = 0)
        where TModifier : struct, IScoreModifier
    {
        RowAction<TModifier> action = new(modifier, head, query);
        Widths.Run(width, action);
        return (action.Results, action.Derivatives);
    }

    private sealed unsafe class RowAction<TModifier>(TModifier modifier, int head, int query) : IWidthAction
        where TModifier : struct, IScoreModifier
    {
        public float[] Results { get; } = new float[s_scores.Length];

        public float[] Derivatives { get; } = new float[s_scores.Length];

        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            float* lanes = stackalloc float[TSimd.Count];
            for (int key = 0; key < s_scores.Length; key += TSimd.Count)
            {
                int count = Math.Min(TSimd.Count, s_scores.Length - key);
                s_scores.AsSpan(key, count).CopyTo(new Span<float>(lanes, count));
                TVector score = TSimd.Load(lanes);
                TSimd.Store(modifier.Apply<TSimd, TVector>(score, 0, head, query, key), lanes);
                new Span<float>(lanes, count).CopyTo(Results.AsSpan(key));
                TSimd.Store(modifier.Derivative<TSimd, TVector>(score, 0, head, query, key), lanes);
                new Span<float>(lanes, count).CopyTo(Derivatives.AsSpan(key));
            }
        }
    }
}
