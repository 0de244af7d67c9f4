using Attention.Policies;

namespace Attention.Tests.Policies;

public sealed class ChunkedMaskTests
{
    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0)]
    [InlineData(4, 2)]
    [InlineData(3, -5)]
    [InlineData(2, 100)]
    [InlineData(3, -100)]
    [InlineData(100, 1)]
    public void Allows_what_came_before_in_the_same_chunk(int chunkSize, int offset)
    {
        foreach (var size in MaskChecks.Sizes)
        {
            MaskChecks.AgreesExactly(
                new ChunkedMask(chunkSize, offset),
                size,
                (_, _, query, key) => key <= query + offset && Math.Floor((double)key / chunkSize) == Math.Floor((double)(query + offset) / chunkSize));
        }
    }

    [Fact]
    public void Follows_the_offsets_of_the_batch()
    {
        int[] offsets = [-2, 3];
        MaskChecks.AgreesExactly(
            ChunkedMask.PerBatch(3, offsets),
            (2, 3, 7, 11),
            (batch, _, query, key) => key <= query + offsets[batch] && key / 3 == (query + offsets[batch]) / 3);
    }

    [Fact]
    public void Has_chunks_of_one_key_by_default() =>
        MaskChecks.AgreesExactly(default(ChunkedMask), (2, 3, 7, 11), (_, _, query, key) => key == query);

    [Theory]
    [InlineData(1, 0)]
    [InlineData(int.MaxValue, 0)]
    [InlineData(int.MaxValue, int.MaxValue)]
    [InlineData(7, int.MinValue)]
    [InlineData(1 << 30, int.MinValue)]
    [InlineData(1 << 30, -1)]
    public void Does_not_overflow(int chunkSize, int offset) =>
        MaskChecks.AgreesAtExtremes(
            new ChunkedMask(chunkSize, offset),
            (query, key) => key <= query + offset && key / chunkSize == (query + offset) / chunkSize);

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => new ChunkedMask(0)).Should().Throw<ArgumentException>().WithParameterName("chunkSize");
        FluentActions.Invoking(() => ChunkedMask.PerBatch(-2, [1])).Should().Throw<ArgumentException>().WithParameterName("chunkSize");
        FluentActions.Invoking(() => ChunkedMask.PerBatch(2, null!)).Should().Throw<ArgumentNullException>().WithParameterName("offsets");
        FluentActions.Invoking(() => ChunkedMask.PerBatch(2, [])).Should().Throw<ArgumentException>().WithParameterName("offsets");

        ChunkedMask one = ChunkedMask.PerBatch(2, [1]);
        FluentActions.Invoking(() => ChunkedMask.CheckCall(in one, 2, 1, 5, 5)).Should().Throw<ArgumentException>().WithParameterName("mask");
    }
}
