using Attention.Gemm;
using Attention.Simd;

namespace Attention.Tests.Gemm;

/// <summary>What the bits of a product may not depend on.</summary>
public sealed class MatrixProductBitsTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Threads(SimdWidth width)
    {
        const int Rows = 71;
        const int Columns = 83;
        const int Depth = 601;
        using GemmOperand left = new(Rows, Depth, Spread.Rows, new Random(1));
        using GemmOperand right = new(Depth, Columns, Spread.Rows, new Random(2));
        int[] one = Product(left, right, Rows, Columns, width, threads: 1);

        foreach (int threads in (int[])[2, 3, 7])
        {
            Product(left, right, Rows, Columns, width, threads).Should().Equal(one, $"{threads} threads");
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Neighbouring_rows_and_columns(SimdWidth width)
    {
        const int Rows = 61;
        const int Columns = 67;
        const int Depth = 523;
        using GemmOperand left = new(Rows, Depth, Spread.Rows, new Random(3));
        using GemmOperand right = new(Depth, Columns, Spread.Rows, new Random(4));
        int[] whole = Product(left, right, Rows, Columns, width, threads: 2);

        foreach ((int rows, int columns) in ((int, int)[])[(1, Columns), (Rows, 1), (8, 9)])
        {
            int[] part = Product(left, right, rows, columns, width, threads: 1);
            for (int row = 0; row < rows; row++)
            {
                part.AsSpan(row * columns, columns).SequenceEqual(whole.AsSpan(row * Columns, columns)).Should().BeTrue($"row {row} of {rows} x {columns}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Layout(SimdWidth width)
    {
        const int Rows = 19;
        const int Columns = 37;
        const int Depth = 531;
        int[]? first = null;
        foreach (Spread spread in Enum.GetValues<Spread>())
        {
            foreach (Spread destination in Enum.GetValues<Spread>())
            {
                using GemmOperand left = new(Rows, Depth, spread, new Random(5));
                using GemmOperand right = new(Depth, Columns, spread, new Random(6));
                int[] bits = Product(left, right, Rows, Columns, width, threads: 1, destination);
                first ??= bits;
                bits.Should().Equal(first, $"{spread} into {destination}");
            }
        }
    }

    private static int[] Product(
        GemmOperand left, GemmOperand right, int rows, int columns, SimdWidth width, int threads, Spread spread = Spread.Rows)
    {
        using GemmOperand destination = new(rows, columns, spread, new Random(7));
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                destination[row, column] = row * 0.3f - column * 0.7f;
            }
        }

        MatrixProduct.Multiply(
            left.Span,
            left.Layout with { Rows = rows },
            right.Span,
            right.Layout with { Columns = columns },
            destination.Span,
            destination.Layout,
            alpha: 0.7f,
            beta: 0.3f,
            new() { MaxDegreeOfParallelism = threads, Width = width });
        return Array.ConvertAll(destination.ToArray(), BitConverter.SingleToInt32Bits);
    }
}
