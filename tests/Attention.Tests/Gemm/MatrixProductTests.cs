using Attention.Execution;
using Attention.Gemm;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Gemm;

public sealed class MatrixProductTests
{
    private static readonly Spread[] s_spreads = [Spread.Rows, Spread.Columns, Spread.Everywhere];

    public MatrixProductTests() => Scratch.Poison = true;

    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Every_layout_and_size_around_the_tile(SimdWidth width)
    {
        int tile = TileColumns(width);
        (int Rows, int Columns, int Depth)[] shapes =
        [
            (1, 1, 1), (5, tile - 1, 7), (6, tile, 4), (7, tile + 1, 5), (13, 3, 1), (12, 2 * tile, 3), (3, 2 * tile + 5, 17),
            (50, 11, 6), (49, 9 * tile - 2, 2),
        ];
        foreach ((int rows, int columns, int depth) in shapes)
        {
            foreach (Spread left in s_spreads)
            {
                foreach (Spread right in s_spreads)
                {
                    foreach (Spread destination in s_spreads)
                    {
                        Verify(rows, columns, depth, left, right, destination, 1, 0, width, threads: 1);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void Every_alpha_and_beta(SimdWidth width)
    {
        float[] factors = [0, 1, -1, 0.375f, 3];
        foreach (float alpha in factors)
        {
            foreach (float beta in factors)
            {
                Verify(14, TileColumns(width) + 3, 11, Spread.Rows, Spread.Rows, Spread.Rows, alpha, beta, width, threads: 1);
                Verify(7, 5, 1031, Spread.Columns, Spread.Rows, Spread.Columns, alpha, beta, width, threads: 1);
                Verify(7, 5, 9, Spread.Rows, Spread.Columns, Spread.Everywhere, alpha, beta, width, threads: 1);
            }
        }
    }

    [Theory]
    [InlineData(0, 5, 7)]
    [InlineData(5, 0, 7)]
    [InlineData(5, 7, 0)]
    [InlineData(0, 0, 0)]
    public void Empty_axes(int rows, int columns, int depth)
    {
        foreach (float beta in (float[])[0, 1, -2])
        {
            foreach (Spread spread in s_spreads)
            {
                Verify(rows, columns, depth, spread, spread, spread, 1, beta, SimdWidth.Automatic, threads: 2);
            }
        }
    }

    // Blocks of depth, blocks of rows, groups of columns, groups of depth: each loop is crossed with a remainder.
    [Theory]
    [InlineData(7, 9, 1543, Spread.Rows, Spread.Rows)]
    [InlineData(211, 23, 521, Spread.Columns, Spread.Rows)]
    [InlineData(211, 313, 61, Spread.Rows, Spread.Columns)]
    [InlineData(2, 1301, 4099, Spread.Rows, Spread.Columns)]
    [InlineData(53, 7, 4421, Spread.Everywhere, Spread.Everywhere)]
    public void Sizes_beyond_every_block(int rows, int columns, int depth, Spread left, Spread right)
    {
        foreach (int threads in (int[])[1, 3])
        {
            Verify(rows, columns, depth, left, right, Spread.Rows, 1, 0, SimdWidth.Automatic, threads);
        }

        Verify(rows, columns, depth, left, right, Spread.Columns, -0.5f, 2, SimdWidth.Automatic, threads: 2);
    }

    [Fact]
    public void Factors_are_not_read_for_an_alpha_of_zero()
    {
        using GemmOperand left = new(4, 5, Spread.Rows, new Random(1));
        using GemmOperand right = new(5, 6, Spread.Rows, new Random(2));
        using GemmOperand destination = new(4, 6, Spread.Rows, new Random(3));
        left.Fill(float.NaN);
        right.Fill(float.NaN);
        destination.Fill(3);

        MatrixProduct.Multiply(
            left.Span, left.Layout, right.Span, right.Layout, destination.Span, destination.Layout, alpha: 0, beta: -2);

        destination.ToArray().Should().OnlyContain(value => value == -6);
    }

    [Fact]
    public void A_factor_may_repeat_its_elements_by_a_stride_of_zero()
    {
        float[] left = [2];
        float[] right = [1, 2, 3];
        float[] destination = new float[6];

        MatrixProduct.Multiply(
            left, new MatrixLayout(2, 4, 0, 0), right, new MatrixLayout(4, 3, 0, 1), destination, MatrixLayout.RowMajor(2, 3));

        destination.Should().Equal(8, 16, 24, 8, 16, 24);
    }

    [Fact]
    public void A_transposed_layout_is_the_transposed_matrix()
    {
        float[] matrix = [1, 2, 3, 4, 5, 6];
        float[] destination = new float[4];

        MatrixProduct.Multiply(
            matrix, MatrixLayout.RowMajor(2, 3), matrix, MatrixLayout.RowMajor(2, 3).Transpose(), destination, MatrixLayout.RowMajor(2, 2));

        destination.Should().Equal(14, 32, 32, 77);
    }

    [Fact]
    public void NaN_and_infinity_in_a_factor_reach_their_row_alone()
    {
        float[] left = [1, float.NaN, 1, 1, float.PositiveInfinity, 1];
        float[] right = [1, 2, 3, 4];
        float[] destination = new float[6];

        MatrixProduct.Multiply(
            left, MatrixLayout.RowMajor(3, 2), right, MatrixLayout.RowMajor(2, 2), destination, MatrixLayout.RowMajor(3, 2));

        destination.Should().Equal(float.NaN, float.NaN, 4, 6, float.PositiveInfinity, float.PositiveInfinity);
    }

    internal static int TileColumns(SimdWidth width)
    {
        TileColumnsOf action = new();
        Widths.Run(width, action);
        return action.Value;
    }

    private static void Verify(
        int rows, int columns, int depth, Spread left, Spread right, Spread destination, float alpha, float beta, SimdWidth width, int threads)
    {
        Random random = new(rows * 31 + columns * 17 + depth);
        using GemmOperand a = new(rows, depth, left, random);
        using GemmOperand b = new(depth, columns, right, random);
        using GemmOperand c = new(rows, columns, destination, random);
        if (beta == 0)
        {
            c.Fill(float.NaN);
        }

        float[] before = c.ToArray();
        MatrixProduct.Multiply(
            a.Span, a.Layout, b.Span, b.Layout, c.Span, c.Layout, alpha, beta, new() { MaxDegreeOfParallelism = threads, Width = width });

        string what = $"[{rows}, {depth}] ({left}) x [{depth}, {columns}] ({right}) into {destination}, alpha {alpha}, beta {beta}, {width}, {threads} threads";
        GemmReference.Check(a, b, before, c, alpha, beta, what);
        c.GapsAreUntouched().Should().BeTrue(what);
    }

    private sealed class TileColumnsOf : IWidthAction
    {
        internal int Value { get; private set; }

        public void Invoke<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged => Value = MicroKernel.Columns<TSimd, TVector>();
    }
}
