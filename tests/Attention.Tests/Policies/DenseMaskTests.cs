using System.Numerics.Tensors;
using Attention.Policies;
using CsCheck;

namespace Attention.Tests.Policies;

public sealed class DenseMaskTests
{
    [Theory]
    [InlineData(2, 3, 7, 11)]
    [InlineData(1, 3, 7, 11)]
    [InlineData(2, 1, 7, 11)]
    [InlineData(2, 3, 1, 11)]
    [InlineData(2, 3, 7, 1)]
    [InlineData(1, 1, 7, 11)]
    [InlineData(2, 1, 1, 11)]
    [InlineData(1, 1, 1, 1)]
    public void Broadcasts_axes_of_size_1(int batch, int heads, int queryLength, int keyLength)
    {
        bool[] allowed = Pattern(batch * heads * queryLength * keyLength);
        DenseMask mask = new(new ReadOnlyTensorSpan<bool>(allowed, [batch, heads, queryLength, keyLength]));
        MaskChecks.AgreesExactly(
            mask,
            (2, 3, 7, 11),
            (b, h, q, k) => allowed[(((((b % batch) * heads) + (h % heads)) * queryLength + (q % queryLength)) * keyLength) + (k % keyLength)]);
    }

    [Fact]
    public void Leaves_out_leading_axes()
    {
        bool[] row = Pattern(11);
        MaskChecks.AgreesExactly(new DenseMask(new ReadOnlyTensorSpan<bool>(row)), (2, 3, 7, 11), (_, _, _, key) => row[key]);

        bool[] square = Pattern(7 * 11);
        MaskChecks.AgreesExactly(
            new DenseMask(new ReadOnlyTensorSpan<bool>(square, [7, 11])),
            (2, 3, 7, 11),
            (_, _, query, key) => square[(query * 11) + key]);

        bool[] perHead = Pattern(3 * 7 * 11);
        MaskChecks.AgreesExactly(
            new DenseMask(new ReadOnlyTensorSpan<bool>(perHead, [3, 7, 11])),
            (2, 3, 7, 11),
            (_, head, query, key) => perHead[(((head * 7) + query) * 11) + key]);
    }

    [Fact]
    public void Reads_any_strides()
    {
        bool[] stored = Pattern(600);
        DenseMask mask = new(new ReadOnlyTensorSpan<bool>(stored, [3, 7, 11], [200, 25, 2]));
        MaskChecks.AgreesExactly(mask, (2, 3, 7, 11), (_, head, query, key) => stored[(head * 200) + (query * 25) + (key * 2)]);
    }

    [Fact]
    public void Is_exact_across_words_of_bits()
    {
        Gen.Select(Gen.Bool.Array[3 * 150], Gen.Int[0, 149], Gen.Int[0, 149], Gen.Bool).Sample(
            (noise, first, second, inside) =>
            {
                // A run of one answer in noise or in the opposite answer, so that full and empty tiles over several words occur.
                (int start, int end) = (Math.Min(first, second), Math.Max(first, second) + 1);
                bool[] allowed = [.. noise.Select((bit, index) => index % 150 >= start && index % 150 < end ? inside : bit && index >= 150)];
                DenseMask mask = new(new ReadOnlyTensorSpan<bool>(allowed, [3, 150]));
                IndexRange keys = new(start, end);
                mask.Cover(0, 0, new IndexRange(0, 3), keys).Should().Be(inside ? TileCoverage.Full : TileCoverage.None);
                MaskChecks.Agrees(mask, (1, 1, 3, 150), (_, _, query, key) => allowed[(query * 150) + key]);
            },
            iter: 40);
    }

    [Fact]
    public void Has_rows_that_see_nothing()
    {
        DenseMask mask = new(new ReadOnlyTensorSpan<bool>(new bool[7 * 11], [7, 11]));
        MaskChecks.AgreesExactly(mask, (1, 1, 7, 11), (_, _, _, _) => false);
        mask.KeyBounds(0, 0, new IndexRange(0, 7), 11).IsEmpty.Should().BeTrue();
    }

    [Fact]
    public void Copies_the_tensor()
    {
        bool[] allowed = [true, false];
        DenseMask mask = new(new ReadOnlyTensorSpan<bool>(allowed));
        allowed[1] = true;
        mask.Allows(0, 0, 0, 1).Should().BeFalse();
    }

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => new DenseMask(default)).Should().Throw<ArgumentException>().WithParameterName("allowed");
        FluentActions.Invoking(() => new DenseMask(new ReadOnlyTensorSpan<bool>(new bool[2], [1, 1, 1, 1, 2]))).Should().Throw<ArgumentException>().WithParameterName("allowed");
    }

    [Theory]
    [InlineData(3, 3, 7, 11)]
    [InlineData(2, 4, 7, 11)]
    [InlineData(2, 3, 8, 11)]
    [InlineData(2, 3, 7, 10)]
    public void Refuses_calls_of_other_sizes(int batch, int heads, int queryLength, int keyLength)
    {
        DenseMask mask = new(new ReadOnlyTensorSpan<bool>(new bool[2 * 3 * 7 * 11], [2, 3, 7, 11]));
        FluentActions.Invoking(() => DenseMask.CheckCall(in mask, batch, heads, queryLength, keyLength)).Should().Throw<ArgumentException>()
            .WithParameterName("mask").WithMessage($"*[2, 3, 7, 11]*[{batch}, {heads}, {queryLength}, {keyLength}]*");
    }

    [Fact]
    public void Refuses_every_call_by_default()
    {
        DenseMask none = default;
        FluentActions.Invoking(() => DenseMask.CheckCall(in none, 1, 1, 1, 1)).Should().Throw<ArgumentException>().WithParameterName("mask");
    }

    // About half true, with whole runs of each.
    private static bool[] Pattern(int length) => [.. Enumerable.Range(0, length).Select(index => (index * index / 7 % 5) < 3)];
}
