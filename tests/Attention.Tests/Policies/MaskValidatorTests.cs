using Attention.Policies;

namespace Attention.Tests.Policies;

public sealed class MaskValidatorTests
{
    [Theory]
    [InlineData(Lie.FullTooSoon, "Cover(batch 0, head 0, queries [0, 1), keys [0, 2)) said Full, but Allows(batch 0, head 0, query 0, key 1) is false.")]
    [InlineData(Lie.EmptyTooSoon, "Cover(batch 0, head 0, queries [0, 1), keys [0, 2)) said None, but Allows(batch 0, head 0, query 0, key 0) is true.")]
    [InlineData(Lie.BoundsTooNarrow, "KeyBounds(batch 0, head 0, queries [0, 2), keyLength 6) said [0, 1), but Allows(batch 0, head 0, query 1, key 1) is true.")]
    [InlineData(Lie.BoundsEmpty, "KeyBounds(batch 0, head 0, queries [2, 3), keyLength 6) said [0, 0), but Allows(batch 0, head 0, query 2, key 0) is true.")]
    [InlineData(Lie.BoundsPastTheEnd, "KeyBounds(batch 0, head 0, queries [2, 3), keyLength 2) said [0, 3), but there are only the keys [0, 2).")]
    [InlineData(Lie.OnlyTheLastHead, "Cover(batch 1, head 2, queries [0, 1), keys [0, 2)) said Full, but Allows(batch 1, head 2, query 0, key 1) is false.")]
    public void Names_the_first_lie(Lie lie, string message)
    {
        MaskValidation validation = MaskValidator.Validate(new LyingMask(lie), 2, 3, 7, 6);
        validation.IsValid.Should().BeFalse();
        validation.Message.Should().Be(message);
        validation.Invoking(result => result.ThrowIfInvalid()).Should().Throw<InvalidOperationException>().WithMessage(message);
    }

    [Theory]
    [InlineData(Lie.FullTooSoon)]
    [InlineData(Lie.EmptyTooSoon)]
    [InlineData(Lie.BoundsTooNarrow)]
    [InlineData(Lie.BoundsPastTheEnd)]
    public void Finds_lies_in_large_masks(Lie lie)
    {
        MaskValidator.Validate(new LyingMask(lie), 1, 1, 300, 200).IsValid.Should().BeFalse("a sample of the tiles shows it");
        MaskValidator.Validate(new LyingMask(lie), 1, 1, 5000, 3000).IsValid.Should().BeFalse("a sample of the regions shows it");
    }

    [Fact]
    public void Finds_gaps_in_a_promised_interval()
    {
        MaskValidation validation = MaskValidator.Validate(default(GappyMask), 1, 1, 3, 5);
        validation.IsValid.Should().BeFalse();
        validation.Message.Should().Be(
            "KeyBounds(batch 0, head 0, queries [0, 1), keyLength 5) said [0, 5), but Allows(batch 0, head 0, query 0, key 1) is false, "
            + "though IsInterval promises a run without gaps.");
    }

    [Fact]
    public void Accepts_a_truthful_mask()
    {
        MaskValidation validation = MaskValidator.Validate(new LyingMask(Lie.Nothing), 2, 3, 7, 6);
        validation.IsValid.Should().BeTrue();
        validation.Message.Should().Contain($"over {2 * 3 * 28 * 21} tiles", "every tile of every head was asked about");
        validation.Invoking(result => result.ThrowIfInvalid()).Should().NotThrow();

        MaskValidator.Validate(new LyingMask(Lie.Nothing), 1, 1, 300, 200).IsValid.Should().BeTrue();
        MaskValidator.Validate(new LyingMask(Lie.Nothing), 1, 40, 1, 5000).IsValid.Should().BeTrue();
    }

    [Fact]
    public void Accepts_every_large_mask_of_the_library()
    {
        MaskValidator.Validate(default(NoMask), 1, 1, 1500, 1000).ThrowIfInvalid();
        MaskValidator.Validate(new CausalMask(-700), 1, 1, 1500, 1000).ThrowIfInvalid();
        MaskValidator.Validate(new WindowMask(64, 3, 500), 1, 1, 1500, 1000).ThrowIfInvalid();
        MaskValidator.Validate(new ChunkedMask(100, 7), 1, 1, 1500, 1000).ThrowIfInvalid();
        MaskValidator.Validate(new PrefixMask(300, -200).And(new KeyLengthMask(950)), 1, 1, 1500, 1000).ThrowIfInvalid();

        int[] documents = [.. Enumerable.Range(0, 1100).Select(token => token * token / 40000)];
        AndMask<DocumentMask, CausalMask> packed = new DocumentMask(documents).And(CausalMask.TopLeft);
        MaskValidator.Validate(packed, 1, 1, 1100, 1100).ThrowIfInvalid();
        MaskValidator.Validate(new BlockListMask<AndMask<DocumentMask, CausalMask>>(packed, BlockList.Build(in packed, 1, 1, 1100, 1100)), 1, 1, 1100, 1100)
            .ThrowIfInvalid();
    }

    [Theory]
    [InlineData(0, 1, 1, 1)]
    [InlineData(1, 0, 1, 1)]
    [InlineData(1, 1, 0, 1)]
    [InlineData(1, 1, 1, 0)]
    public void Has_nothing_to_say_about_empty_axes(int batch, int heads, int queryLength, int keyLength) =>
        MaskValidator.Validate(new LyingMask(Lie.BoundsPastTheEnd), batch, heads, queryLength, keyLength).IsValid.Should().BeTrue();

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => MaskValidator.Validate(default(NoMask), -1, 1, 1, 1)).Should().Throw<ArgumentException>().WithParameterName("batch");
        FluentActions.Invoking(() => MaskValidator.Validate(default(NoMask), 1, -1, 1, 1)).Should().Throw<ArgumentException>().WithParameterName("heads");
        FluentActions.Invoking(() => MaskValidator.Validate(default(NoMask), 1, 1, -1, 1)).Should().Throw<ArgumentException>().WithParameterName("queryLength");
        FluentActions.Invoking(() => MaskValidator.Validate(default(NoMask), 1, 1, 1, -1)).Should().Throw<ArgumentException>().WithParameterName("keyLength");
        FluentActions.Invoking(() => MaskValidator.Validate(new DocumentMask([1]), 1, 1, 1, 2)).Should().Throw<ArgumentException>().WithParameterName("mask");
    }

    private readonly struct GappyMask : IAttentionMask
    {
        public static bool IsInterval => true;

        public bool Allows(int batch, int head, int query, int key) => key % 2 == 0;

        public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Mixed;

        public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
    }
}
