using Attention.Policies;

namespace Attention.Tests.Policies;

public sealed class WindowMaskTests
{
    [Theory]
    [InlineData(2, 1, 0)]
    [InlineData(3, 0, 0)]
    [InlineData(0, 0, 0)]
    [InlineData(0, 0, 4)]
    [InlineData(0, 2, -3)]
    [InlineData(1, 1, 30)]
    [InlineData(2, 2, -30)]
    [InlineData(100, 100, 1)]
    public void Allows_both_ends(int left, int right, int offset)
    {
        foreach (var size in MaskChecks.Sizes)
        {
            MaskChecks.AgreesExactly(
                new WindowMask(left, right, offset),
                size,
                (_, _, query, key) => query + offset - left <= key && key <= query + offset + right);
        }
    }

    [Theory]
    [InlineData(-1, 0, 2)]
    [InlineData(-5, 3, -2)]
    [InlineData(2, -1, 1)]
    [InlineData(0, int.MinValue, -1)]
    [InlineData(-1, -1, 0)]
    public void Leaves_a_negative_side_unbounded(int left, int right, int offset)
    {
        foreach (var size in MaskChecks.Sizes)
        {
            MaskChecks.AgreesExactly(
                new WindowMask(left, right, offset),
                size,
                (_, _, query, key) => (left < 0 || query + offset - left <= key) && (right < 0 || key <= query + offset + right));
        }
    }

    [Fact]
    public void Without_a_left_end_and_with_right_0_is_causal() =>
        MaskChecks.AgreesExactly(new WindowMask(-1, 0, 3), (2, 3, 7, 11), (_, _, query, key) => new CausalMask(3).Allows(0, 0, query, key));

    [Fact]
    public void Follows_the_offsets_of_the_batch() =>
        MaskChecks.AgreesExactly(
            WindowMask.PerBatch(2, 1, [-1, 6]),
            (2, 3, 7, 11),
            (batch, _, query, key) => query + (batch == 0 ? -1 : 6) - key is >= -1 and <= 2);

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(int.MaxValue, int.MaxValue, 0)]
    [InlineData(int.MaxValue, 0, int.MaxValue)]
    [InlineData(3, int.MaxValue, int.MinValue)]
    [InlineData(-1, 2, int.MinValue)]
    [InlineData(-1, -1, int.MinValue)]
    [InlineData(-1, -1, int.MaxValue)]
    public void Does_not_overflow(int left, int right, int offset) =>
        MaskChecks.AgreesAtExtremes(
            new WindowMask(left, right, offset),
            (query, key) => (left < 0 || query + offset - left <= key) && (right < 0 || key <= query + offset + right));

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => WindowMask.PerBatch(1, 1, null!)).Should().Throw<ArgumentNullException>().WithParameterName("offsets");
        FluentActions.Invoking(() => WindowMask.PerBatch(1, 1, [])).Should().Throw<ArgumentException>().WithParameterName("offsets");

        WindowMask one = WindowMask.PerBatch(1, 1, [1]);
        FluentActions.Invoking(() => WindowMask.CheckCall(in one, 2, 1, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("mask");
    }
}
