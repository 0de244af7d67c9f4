using Attention.Policies;

namespace Attention.Tests.Policies;

public sealed class KeyLengthMaskTests
{
    [Fact]
    public void Allows_the_first_keys_of_each_batch_element()
    {
        int[] lengths = [4, 0];
        foreach (var size in MaskChecks.Sizes.Where(size => size.KeyLength >= 4))
        {
            MaskChecks.AgreesExactly(new KeyLengthMask(lengths), size, (batch, _, _, key) => key < lengths[batch]);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(11)]
    public void Allows_the_first_keys_of_all(int length) =>
        MaskChecks.AgreesExactly(new KeyLengthMask(length), (2, 3, 7, 11), (_, _, _, key) => key < length);

    [Fact]
    public void Hides_everything_by_default() =>
        MaskChecks.AgreesExactly(default(KeyLengthMask), (2, 3, 7, 11), (_, _, _, _) => false);

    [Theory]
    [InlineData(0)]
    [InlineData(int.MaxValue)]
    public void Does_not_overflow(int length) =>
        MaskChecks.AgreesAtExtremes(new KeyLengthMask(length), (_, key) => key < length);

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => new KeyLengthMask(-1)).Should().Throw<ArgumentException>().WithParameterName("length");
        FluentActions.Invoking(() => new KeyLengthMask(null!)).Should().Throw<ArgumentNullException>().WithParameterName("lengths");
        FluentActions.Invoking(() => new KeyLengthMask([])).Should().Throw<ArgumentException>().WithParameterName("lengths");
        FluentActions.Invoking(() => new KeyLengthMask([3, -1])).Should().Throw<ArgumentException>().WithParameterName("lengths").WithMessage("*[1] is -1*");
    }

    [Fact]
    public void Refuses_calls_that_it_does_not_fit()
    {
        KeyLengthMask mask = new([3, 12]);
        FluentActions.Invoking(() => KeyLengthMask.CheckCall(in mask, 3, 1, 5, 12)).Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => KeyLengthMask.CheckCall(in mask, 2, 1, 5, 11)).Should().Throw<ArgumentException>()
            .WithParameterName("mask").WithMessage("*12 among its key lengths (batch element 1)*[0, 11]*");
        FluentActions.Invoking(() => KeyLengthMask.CheckCall(in mask, 1, 1, 5, 11)).Should().NotThrow("only the first length is used");
    }
}
