using System.Numerics.Tensors;
using Attention.Policies;
using CsCheck;

namespace Attention.Tests.Policies;

public sealed class BlockListTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 3)]
    [InlineData(3, 4)]
    [InlineData(100, 100)]
    public void Agrees_for_tiles_across_its_blocks(int queryBlock, int keyBlock)
    {
        int[] offsets = [-2, 3];
        CausalMask mask = CausalMask.PerBatch(offsets);
        BlockList list = BlockList.Build(in mask, 2, 3, 7, 11, queryBlock, keyBlock, shareHeads: true);
        MaskChecks.Agrees(new BlockListMask<CausalMask>(mask, list), (2, 3, 7, 11), (batch, _, query, key) => key <= query + offsets[batch]);
    }

    [Fact]
    public void Is_exact_where_tiles_are_blocks() =>
        Gen.Bool.Array[7 * 11].Sample(
            bits =>
            {
                DenseMask mask = new(new ReadOnlyTensorSpan<bool>(bits, [7, 11]));
                BlockList list = BlockList.Build(in mask, 1, 1, 7, 11, queryBlock: 2, keyBlock: 3);
                MaskChecks.Agrees(new BlockListMask<DenseMask>(mask, list), (1, 1, 7, 11), (_, _, query, key) => bits[(query * 11) + key]);
                for (int query = 0; query < 7; query += 2)
                {
                    for (int key = 0; key < 11; key += 3)
                    {
                        (IndexRange queries, IndexRange keys) = (new(query, Math.Min(query + 2, 7)), new(key, Math.Min(key + 3, 11)));
                        list.Cover(0, 0, queries, keys).Should().Be(mask.Cover(0, 0, queries, keys));
                    }
                }
            },
            iter: 30);

    [Fact]
    public void Settles_what_a_lazy_mask_leaves_open()
    {
        LazyCausalMask mask = default;
        BlockList list = BlockList.Build(in mask, 1, 2, 96, 128, queryBlock: 16, keyBlock: 16);
        CausalMask exact = CausalMask.TopLeft;
        BlockList expected = BlockList.Build(in exact, 1, 2, 96, 128, queryBlock: 16, keyBlock: 16);

        foreach (TileCoverage coverage in Enum.GetValues<TileCoverage>())
        {
            list.Count(coverage).Should().Be(expected.Count(coverage));
        }

        // Six rows of eight blocks per head: the diagonal is mixed, what lies below it full.
        list.Count(TileCoverage.Mixed).Should().Be(2 * 6);
        list.Count(TileCoverage.Full).Should().Be(2 * 15);
        list.Count(TileCoverage.None).Should().Be(2 * (48 - 21));
        list.KeyBounds(0, 1, new IndexRange(16, 32), 128).Should().Be(new IndexRange(0, 32));
        list.KeyBounds(0, 1, new IndexRange(16, 32), 20).Should().Be(new IndexRange(0, 20));
    }

    [Fact]
    public void Shares_what_does_not_depend_on_batch_or_head()
    {
        CausalMask mask = CausalMask.TopLeft;
        BlockList own = BlockList.Build(in mask, 2, 3, 8, 8, 4, 4);
        BlockList shared = BlockList.Build(in mask, 2, 3, 8, 8, 4, 4, shareBatch: true, shareHeads: true);
        own.Count(TileCoverage.Mixed).Should().Be(12);
        shared.Count(TileCoverage.Mixed).Should().Be(2);
        shared.Cover(1, 2, new IndexRange(4, 8), new IndexRange(0, 4)).Should().Be(TileCoverage.Full);

        int[] lengths = [2, 8];
        KeyLengthMask perBatch = new(lengths);
        BlockList heads = BlockList.Build(in perBatch, 2, 3, 8, 8, 4, 4, shareHeads: true);
        MaskChecks.Agrees(new BlockListMask<KeyLengthMask>(perBatch, heads), (2, 3, 8, 8), (batch, _, _, key) => key < lengths[batch]);

        bool[] perHeadBits = [true, false, false, true];
        DenseMask perHead = new(new ReadOnlyTensorSpan<bool>(perHeadBits, [2, 1, 2]));
        BlockList batches = BlockList.Build(in perHead, 3, 2, 4, 2, 4, 1, shareBatch: true);
        MaskChecks.Agrees(new BlockListMask<DenseMask>(perHead, batches), (3, 2, 4, 2), (_, head, _, key) => perHeadBits[(head * 2) + key]);
    }

    [Fact]
    public void Has_empty_axes()
    {
        CausalMask mask = CausalMask.TopLeft;
        BlockList.Build(in mask, 0, 3, 7, 11).Count(TileCoverage.Full).Should().Be(0);
        BlockList.Build(in mask, 2, 3, 7, 0).KeyBounds(1, 2, new IndexRange(0, 7), 0).IsEmpty.Should().BeTrue();
        BlockList.Build(in mask, 0, 0, 0, 0, shareBatch: true, shareHeads: true).Count(TileCoverage.None).Should().Be(0);
    }

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        CausalMask mask = CausalMask.TopLeft;
        FluentActions.Invoking(() => BlockList.Build(in mask, -1, 1, 1, 1)).Should().Throw<ArgumentException>().WithParameterName("batch");
        FluentActions.Invoking(() => BlockList.Build(in mask, 1, -1, 1, 1)).Should().Throw<ArgumentException>().WithParameterName("heads");
        FluentActions.Invoking(() => BlockList.Build(in mask, 1, 1, -1, 1)).Should().Throw<ArgumentException>().WithParameterName("queryLength");
        FluentActions.Invoking(() => BlockList.Build(in mask, 1, 1, 1, -1)).Should().Throw<ArgumentException>().WithParameterName("keyLength");
        FluentActions.Invoking(() => BlockList.Build(in mask, 1, 1, 1, 1, queryBlock: 0)).Should().Throw<ArgumentException>().WithParameterName("queryBlock");
        FluentActions.Invoking(() => BlockList.Build(in mask, 1, 1, 1, 1, keyBlock: 0)).Should().Throw<ArgumentException>().WithParameterName("keyBlock");
        FluentActions.Invoking(() => new BlockListMask<CausalMask>(mask, null!)).Should().Throw<ArgumentNullException>().WithParameterName("list");
    }

    [Theory]
    [InlineData(3, 3, 7, 11)]
    [InlineData(2, 4, 7, 11)]
    [InlineData(2, 3, 8, 11)]
    [InlineData(2, 3, 7, 12)]
    public void Refuses_larger_calls(int batch, int heads, int queryLength, int keyLength)
    {
        CausalMask mask = CausalMask.TopLeft;
        BlockListMask<CausalMask> listed = new(mask, BlockList.Build(in mask, 2, 3, 7, 11));
        FluentActions.Invoking(() => BlockListMask<CausalMask>.CheckCall(in listed, batch, heads, queryLength, keyLength)).Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => BlockListMask<CausalMask>.CheckCall(in listed, 1, 2, 6, 10)).Should().NotThrow();

        BlockListMask<CausalMask> none = default;
        FluentActions.Invoking(() => BlockListMask<CausalMask>.CheckCall(in none, 1, 1, 1, 1)).Should().Throw<ArgumentException>().WithParameterName("mask");
    }

    private readonly struct LazyCausalMask : IAttentionMask
    {
        public bool Allows(int batch, int head, int query, int key) => key <= query;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
