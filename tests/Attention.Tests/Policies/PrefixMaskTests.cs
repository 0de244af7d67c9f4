using Attention.Policies;

namespace Attention.Tests.Policies;

public sealed class PrefixMaskTests
{
    [Theory]
    [InlineData(0, 0)]
    [InlineData(3, 0)]
    [InlineData(5, -4)]
    [InlineData(2, 4)]
    [InlineData(100, 0)]
    [InlineData(0, -100)]
    public void Allows_the_prefix_and_what_came_before(int prefixLength, int offset)
    {
        foreach (var size in MaskChecks.Sizes)
        {
            MaskChecks.AgreesExactly(
                new PrefixMask(prefixLength, offset),
                size,
                (_, _, query, key) => key < prefixLength || key <= query + offset);
        }
    }

    [Fact]
    public void Follows_the_prefixes_of_the_batch()
    {
        int[] prefixes = [0, 6];
        MaskChecks.AgreesExactly(
            new PrefixMask(prefixes, offset: 1),
            (2, 3, 7, 11),
            (batch, _, query, key) => key < prefixes[batch] || key <= query + 1);
    }

    [Theory]
    [InlineData(0, int.MinValue)]
    [InlineData(1001, 0)]
    [InlineData(int.MaxValue, int.MinValue)]
    [InlineData(0, int.MaxValue)]
    public void Does_not_overflow(int prefixLength, int offset) =>
        MaskChecks.AgreesAtExtremes(new PrefixMask(prefixLength, offset), (query, key) => key < prefixLength || key <= query + offset);

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => new PrefixMask(-1)).Should().Throw<ArgumentException>().WithParameterName("prefixLength");
        FluentActions.Invoking(() => new PrefixMask(null!)).Should().Throw<ArgumentNullException>().WithParameterName("prefixLengths");
        FluentActions.Invoking(() => new PrefixMask([])).Should().Throw<ArgumentException>().WithParameterName("prefixLengths");
        FluentActions.Invoking(() => new PrefixMask([1, -7])).Should().Throw<ArgumentException>().WithParameterName("prefixLengths");

        PrefixMask one = new([1]);
        FluentActions.Invoking(() => PrefixMask.CheckCall(in one, 2, 1, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("mask");
    }
}
