using Attention.Policies;
using CsCheck;

namespace Attention.Tests.Policies;

public sealed class DocumentMaskTests
{
    [Fact]
    public void Allows_equal_documents_of_the_same_row()
    {
        int[] documents = [0, 0, 0, 1, 1, 2, 3, /* next row */ 5, 5, 5, 5, 5, 5, 5];
        MaskChecks.AgreesExactly(
            new DocumentMask(documents, rows: 2),
            (2, 3, 7, 7),
            (batch, _, query, key) => documents[(batch * 7) + query] == documents[(batch * 7) + key]);
    }

    [Fact]
    public void Uses_one_row_for_every_batch_element()
    {
        int[] documents = [4, 4, -1, -1, -1, 9];
        MaskChecks.AgreesExactly(new DocumentMask(documents), (3, 2, 6, 6), (_, _, query, key) => documents[query] == documents[key]);
    }

    [Fact]
    public void Compares_queries_with_other_keys()
    {
        int[] queries = [1, 1, 2, 7, /* next row */ 3, 2, 2, 1];
        int[] keys = [1, 2, 2, 2, 3, /* next row */ 1, 1, 2, 3, 3];
        MaskChecks.Agrees(
            new DocumentMask(queries, keys, rows: 2),
            (2, 2, 4, 5),
            (batch, _, query, key) => queries[(batch * 4) + query] == keys[(batch * 5) + key]);
    }

    [Fact]
    public void Agrees_for_any_numbers()
    {
        Gen<int[]> documents = Gen.Int[-1, 2].Array[9];
        Gen.Select(documents, Gen.Int[-1, 2].Array[12]).Sample(
            (queries, keys) => MaskChecks.Agrees(new DocumentMask(queries, keys), (1, 1, 9, 12), (_, _, query, key) => queries[query] == keys[key]),
            iter: 100);
    }

    [Fact]
    public void Bounds_are_those_of_the_documents_even_with_gaps()
    {
        DocumentMask mask = new([8, 1, 8, 2, 1]);
        mask.KeyBounds(0, 0, new IndexRange(0, 1), 5).Should().Be(new IndexRange(0, 3));
        mask.KeyBounds(0, 0, new IndexRange(3, 5), 5).Should().Be(new IndexRange(1, 5));
        mask.KeyBounds(0, 0, new IndexRange(3, 4), 5).Should().Be(new IndexRange(3, 4));
        new DocumentMask([1, 2], [3, 3, 3]).KeyBounds(0, 0, new IndexRange(0, 2), 3).IsEmpty.Should().BeTrue();
    }

    [Fact]
    public void Copies_the_documents()
    {
        int[] documents = [1, 2];
        DocumentMask mask = new(documents);
        documents[1] = 1;
        mask.Allows(0, 0, 0, 1).Should().BeFalse();
    }

    [Fact]
    public void Refuses_bad_input_by_name()
    {
        FluentActions.Invoking(() => new DocumentMask([1, 2, 3], rows: 2)).Should().Throw<ArgumentException>().WithParameterName("documents");
        FluentActions.Invoking(() => new DocumentMask([1, 2], rows: 0)).Should().Throw<ArgumentException>().WithParameterName("rows");
        FluentActions.Invoking(() => new DocumentMask([1], [1, 2], rows: 2)).Should().Throw<ArgumentException>().WithParameterName("queryDocuments");
        FluentActions.Invoking(() => new DocumentMask([1, 2], [1, 2, 3], rows: 2)).Should().Throw<ArgumentException>().WithParameterName("keyDocuments");

        DocumentMask mask = new([1, 2, 3, 4], rows: 2);
        FluentActions.Invoking(() => DocumentMask.CheckCall(in mask, 3, 1, 2, 2)).Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => DocumentMask.CheckCall(in mask, 2, 1, 1, 2)).Should().Throw<ArgumentException>().WithParameterName("mask");
        FluentActions.Invoking(() => DocumentMask.CheckCall(in mask, 2, 1, 2, 3)).Should().Throw<ArgumentException>().WithParameterName("mask");
        DocumentMask none = default;
        FluentActions.Invoking(() => DocumentMask.CheckCall(in none, 1, 1, 1, 1)).Should().Throw<ArgumentException>().WithParameterName("mask");
    }
}
