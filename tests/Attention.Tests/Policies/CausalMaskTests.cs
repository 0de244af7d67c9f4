using Attention.Policies;

namespace Attention.Tests.Policies;

public sealed class CausalMaskTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(-3)]
    [InlineData(-100)]
    [InlineData(100)]
    public void Allows_keys_up_to_the_query_plus_the_offset(int offset)
    {
        foreach (var size in MaskChecks.Sizes)
        {
            MaskChecks.AgreesExactly(new CausalMask(offset), size, (_, _, query, key) => key <= query + offset);
        }
    }

    [Fact]
    public void Aligns_at_either_corner()
    {
        foreach (var size in MaskChecks.Sizes)
        {
            MaskChecks.AgreesExactly(CausalMask.TopLeft, size, (_, _, query, key) => key <= query);
            MaskChecks.AgreesExactly(default(CausalMask), size, (_, _, query, key) => key <= query);
            MaskChecks.AgreesExactly(
                CausalMask.BottomRight(size.QueryLength, size.KeyLength),
                size,
                (_, _, query, key) => size.QueryLength - query <= size.KeyLength - key);
        }
    }

    [Fact]
    public void Follows_the_offsets_of_the_batch_and_their_changes()
    {
        int[] offsets = [-2, 5];
        CausalMask mask = CausalMask.PerBatch(offsets);
        MaskChecks.AgreesExactly(mask, (2, 3, 7, 11), (batch, _, query, key) => key <= query + (batch == 0 ? -2 : 5));

        offsets[0] = 1;
        MaskChecks.AgreesExactly(mask, (2, 3, 7, 11), (batch, _, query, key) => key <= query + (batch == 0 ? 1 : 5));
    }

    [Theory]
    [InlineData(int.MinValue)]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(int.MaxValue)]
    public void Does_not_overflow(int offset) =>
        MaskChecks.AgreesAtExtremes(new CausalMask(offset), (query, key) => key <= query + offset);

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => CausalMask.BottomRight(-1, 3)).Should().Throw<ArgumentException>().WithParameterName("queryLength");
        FluentActions.Invoking(() => CausalMask.BottomRight(1, -3)).Should().Throw<ArgumentException>().WithParameterName("keyLength");
        FluentActions.Invoking(() => CausalMask.PerBatch(null!)).Should().Throw<ArgumentNullException>().WithParameterName("offsets");
        FluentActions.Invoking(() => CausalMask.PerBatch([])).Should().Throw<ArgumentException>().WithParameterName("offsets");

        CausalMask two = CausalMask.PerBatch([1, 2]);
        FluentActions.Invoking(() => CausalMask.CheckCall(in two, 3, 1, 5, 5)).Should().Throw<ArgumentException>()
            .WithParameterName("mask").WithMessage("*2 offsets*batch of 3*");
    }
}
