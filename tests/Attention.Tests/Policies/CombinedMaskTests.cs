using System.Numerics.Tensors;
using Attention.Policies;
using CsCheck;

namespace Attention.Tests.Policies;

public sealed class CombinedMaskTests
{
    private static readonly (int, int, int, int) s_size = (1, 1, 4, 6);

    private static readonly Gen<bool[]> s_bits = Gen.OneOf(Gen.Bool.Array[24], Gen.Const(new bool[24]), Gen.Const(Enumerable.Repeat(true, 24).ToArray()));

    [Theory]
    [InlineData(TileCoverage.None, TileCoverage.None, TileCoverage.None, TileCoverage.None)]
    [InlineData(TileCoverage.None, TileCoverage.Mixed, TileCoverage.None, TileCoverage.Mixed)]
    [InlineData(TileCoverage.None, TileCoverage.Full, TileCoverage.None, TileCoverage.Full)]
    [InlineData(TileCoverage.Mixed, TileCoverage.Mixed, TileCoverage.Mixed, TileCoverage.Mixed)]
    [InlineData(TileCoverage.Mixed, TileCoverage.Full, TileCoverage.Mixed, TileCoverage.Full)]
    [InlineData(TileCoverage.Full, TileCoverage.Full, TileCoverage.Full, TileCoverage.Full)]
    public void Coverage_follows_three_valued_logic(TileCoverage left, TileCoverage right, TileCoverage and, TileCoverage or)
    {
        IndexRange queries = new(0, 2);
        IndexRange keys = new(0, 3);
        foreach ((TileCoverage first, TileCoverage second) in new[] { (left, right), (right, left) })
        {
            new FixedCoverMask(first).And(new FixedCoverMask(second)).Cover(0, 0, queries, keys).Should().Be(and);
            new FixedCoverMask(first).Or(new FixedCoverMask(second)).Cover(0, 0, queries, keys).Should().Be(or);
        }
    }

    [Theory]
    [InlineData(TileCoverage.None, TileCoverage.Full)]
    [InlineData(TileCoverage.Mixed, TileCoverage.Mixed)]
    [InlineData(TileCoverage.Full, TileCoverage.None)]
    public void Not_turns_coverage_round(TileCoverage mask, TileCoverage expected) =>
        new FixedCoverMask(mask).Not().Cover(0, 0, new IndexRange(0, 2), new IndexRange(0, 3)).Should().Be(expected);

    [Fact]
    public void Random_masks_combine()
    {
        Gen.Select(s_bits, s_bits).Sample(
            (left, right) =>
            {
                DenseMask first = Dense(left);
                DenseMask second = Dense(right);
                MaskChecks.Agrees(first.And(second), s_size, (_, _, query, key) => left[(query * 6) + key] & right[(query * 6) + key]);
                MaskChecks.Agrees(first.Or(second), s_size, (_, _, query, key) => left[(query * 6) + key] | right[(query * 6) + key]);
                MaskChecks.AgreesExactly(first.Not(), s_size, (_, _, query, key) => !left[(query * 6) + key]);
                MaskChecks.Agrees(
                    first.Not().Or(second.Not()).Not(),
                    s_size,
                    (_, _, query, key) => left[(query * 6) + key] & right[(query * 6) + key]);
            },
            iter: 60);
    }

    [Theory]
    [InlineData(-3)]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(50)]
    public void Not_of_an_interval_has_tight_bounds(int offset)
    {
        foreach (var size in MaskChecks.Sizes)
        {
            MaskChecks.AgreesExactly(new CausalMask(offset).Not(), size, (_, _, query, key) => key > query + offset);
            MaskChecks.AgreesExactly(
                new WindowMask(1, 2, offset).Not(),
                size,
                (_, _, query, key) => key < query + offset - 1 || key > query + offset + 2);
        }
    }

    [Fact]
    public void Not_does_not_overflow() =>
        MaskChecks.AgreesAtExtremes(new CausalMask(5).Not(), (query, key) => key > query + 5);

    [Fact]
    public void And_of_intervals_is_an_interval()
    {
        IsInterval(new CausalMask(0).And(new KeyLengthMask(3))).Should().BeTrue();
        IsInterval(new CausalMask(0).And(new DocumentMask([1, 2]))).Should().BeFalse();
        IsInterval(new DocumentMask([1, 2]).And(new CausalMask(0))).Should().BeFalse();
        IsInterval(new CausalMask(0).Or(new KeyLengthMask(3))).Should().BeFalse();
        IsInterval(new CausalMask(0).Not()).Should().BeFalse();

        int[] lengths = [5, 9];
        MaskChecks.Agrees(
            new WindowMask(3, 1, 2).And(new KeyLengthMask(lengths)),
            (2, 3, 7, 11),
            (batch, _, query, key) => key >= query - 1 && key <= query + 3 && key < lengths[batch]);
    }

    [Fact]
    public void Longformer_is_a_window_or_global_tokens()
    {
        AndMask<OrMask<WindowMask, KeyLengthMask>, CausalMask> mask = new WindowMask(1, 1).Or(new KeyLengthMask(2)).And(CausalMask.TopLeft);
        MaskChecks.Agrees(mask, (2, 2, 9, 9), (_, _, query, key) => key <= query && (Math.Abs(query - key) <= 1 || key < 2));
    }

    [Fact]
    public void Checks_calls_on_both_sides()
    {
        DocumentMask two = new([1, 2]);
        AndMask<CausalMask, DocumentMask> and = new CausalMask(0).And(two);
        OrMask<DocumentMask, CausalMask> or = two.Or(new CausalMask(0));
        NotMask<DocumentMask> not = two.Not();
        FluentActions.Invoking(() => AndMask<CausalMask, DocumentMask>.CheckCall(in and, 1, 1, 3, 3)).Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => OrMask<DocumentMask, CausalMask>.CheckCall(in or, 1, 1, 3, 3)).Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => NotMask<DocumentMask>.CheckCall(in not, 1, 1, 3, 3)).Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => AndMask<CausalMask, DocumentMask>.CheckCall(in and, 1, 1, 2, 2)).Should().NotThrow();
    }

    private static bool IsInterval<TMask>(TMask mask)
        where TMask : struct, IAttentionMask
    {
        _ = mask;
        return TMask.IsInterval;
    }

    private static DenseMask Dense(bool[] bits) => new(new ReadOnlyTensorSpan<bool>(bits, [4, 6]));

    private readonly struct FixedCoverMask(TileCoverage coverage) : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => coverage != TileCoverage.None;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => coverage;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
