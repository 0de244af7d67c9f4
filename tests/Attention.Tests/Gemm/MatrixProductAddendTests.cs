using System.Numerics.Tensors;
using Attention.Gemm;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Gemm;

/// <summary>A product that starts from an addend instead of from what its destination held.</summary>
public sealed class MatrixProductAddendTests
{
    public static TheoryData<SimdWidth> AllWidths => [.. SimdWidths.All];

    /// <summary>Rows around a register tile and around the most for which pieces pack; depths of one and of several blocks.</summary>
    private static readonly (int Rows, int Columns, int Depth)[] s_sizes =
        [(1, 1, 1), (1, 130, 17), (5, 33, 700), (7, 67, 9), (48, 70, 530), (49, 65, 40), (100, 31, 1100)];

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void An_addend_gives_the_bits_of_a_filled_destination(SimdWidth width)
    {
        Random random = new(5);
        foreach ((int rows, int columns, int depth) in s_sizes)
        {
            float[] left = Numbers(rows * depth, random);
            float[] right = Numbers(columns * depth, random);
            float[] addend = Numbers(rows * columns, random);
            foreach ((nint[] shape, nint[] strides) in Addends(rows, columns))
            {
                foreach (bool transposed in (bool[])[false, true])
                {
                    float[] expected = new float[rows * columns];
                    for (int i = 0; i < expected.Length; i++)
                    {
                        int row = i / columns;
                        int column = i % columns;
                        nint from = (shape[^1] == 1 ? 0 : column * strides[^1]) + (shape.Length == 1 || shape[0] == 1 ? 0 : row * strides[0]);
                        expected[transposed ? column * rows + row : i] = addend[from];
                    }

                    nint[] destinationStrides = Strides([rows, columns], transposed ? [1, rows] : [columns, 1]);
                    float[] actual = new float[rows * columns];
                    actual.AsSpan().Fill(float.NaN);
                    ReadOnlyTensorSpan<float> a = new(left, [rows, depth]);
                    ReadOnlyTensorSpan<float> b = new(right, [depth, columns], Strides([depth, columns], [1, depth]));
                    MatrixProductOptions options = new() { Width = width, MaxDegreeOfParallelism = 1 };
                    MatrixProduct.Multiply(a, b, new TensorSpan<float>(expected, [rows, columns], destinationStrides), 1, 1, options);
                    MatrixProduct.MultiplyAdd(
                        a, b, new ReadOnlyTensorSpan<float>(addend, shape, Strides(shape, strides)),
                        new TensorSpan<float>(actual, [rows, columns], destinationStrides), 1, options);

                    Tolerance.SameBits($"{rows} x {columns} x {depth}, addend [{string.Join(", ", shape)}]", actual, expected);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(AllWidths))]
    public void A_row_has_the_same_bits_alone_and_among_others_of_a_transposed_factor(SimdWidth width)
    {
        const int Rows = 61;
        const int Columns = 83;
        const int Depth = 1031;
        Random random = new(6);
        float[] left = Numbers(Rows * Depth, random);
        float[] right = Numbers(Columns * Depth, random);
        float[] whole = Product(left, right, 0, Rows, threads: 1);
        foreach (int rows in (int[])[1, 2, 6, 7, 47, 48, 49])
        {
            foreach (int threads in (int[])[1, 2, 3, 7])
            {
                for (int first = 0; first < Rows; first += rows)
                {
                    int count = Math.Min(rows, Rows - first);
                    Tolerance.SameBits(
                        $"{count} rows from {first}, {threads} threads",
                        Product(left, right, first, count, threads), whole.AsSpan(first * Columns, count * Columns));
                }
            }
        }

        float[] Product(float[] all, float[] factor, int first, int count, int threads)
        {
            float[] product = new float[count * Columns];
            MatrixProduct.Multiply(
                new ReadOnlyTensorSpan<float>(all.AsSpan(first * Depth, count * Depth), [count, Depth]),
                new ReadOnlyTensorSpan<float>(factor, [Depth, Columns], [1, Depth]),
                new TensorSpan<float>(product, [count, Columns]),
                options: new MatrixProductOptions { Width = width, MaxDegreeOfParallelism = threads });
            return product;
        }
    }

    [Fact]
    public void Every_product_of_a_batch_gets_the_addend()
    {
        Random random = new(7);
        float[] left = Numbers(3 * 4 * 5, random);
        float[] right = Numbers(5 * 6, random);
        foreach (nint[] shape in (nint[][])[[6], [4, 6]])
        {
            float[] addend = Numbers((int)TensorPrimitives.Product<nint>(shape), random);
            float[] actual = new float[3 * 4 * 6];
            MatrixProduct.MultiplyAdd(
                new ReadOnlyTensorSpan<float>(left, [3, 4, 5]), new ReadOnlyTensorSpan<float>(right, [5, 6]),
                new ReadOnlyTensorSpan<float>(addend, shape), new TensorSpan<float>(actual, [3, 4, 6]), 0.5f);
            for (int item = 0; item < 3; item++)
            {
                float[] expected = new float[4 * 6];
                for (int i = 0; i < expected.Length; i++)
                {
                    expected[i] = addend[shape.Length == 1 ? i % 6 : i];
                }

                MatrixProduct.Multiply(
                    new ReadOnlyTensorSpan<float>(left.AsSpan(item * 20, 20), [4, 5]), new ReadOnlyTensorSpan<float>(right, [5, 6]),
                    new TensorSpan<float>(expected, [4, 6]), 0.5f, 1);
                Tolerance.SameBits($"product {item}", actual.AsSpan(item * 24, 24), expected);
            }
        }
    }

    [Theory]
    [InlineData(0, 1)]
    [InlineData(3, 0)]
    public void Without_a_product_the_addend_remains(int depth, float alpha)
    {
        float[] actual = new float[8];
        actual.AsSpan().Fill(float.NaN);
        MatrixProduct.MultiplyAdd(
            new ReadOnlyTensorSpan<float>(new float[2 * depth], [2, depth]), new ReadOnlyTensorSpan<float>(new float[4 * depth], [depth, 4]),
            new ReadOnlyTensorSpan<float>([1, 2, 3, 4], [4]), new TensorSpan<float>(actual, [2, 4]), alpha);

        actual.Should().Equal(1, 2, 3, 4, 1, 2, 3, 4);
    }

    [Fact]
    public void Addends_that_do_not_fit_are_refused()
    {
        foreach (nint[] shape in (nint[][])[[3], [3, 4], [2, 3], [1, 2, 4]])
        {
            float[] destination = [1, 1, 1, 1, 1, 1, 1, 1];
            Action act = () => MatrixProduct.MultiplyAdd(
                new ReadOnlyTensorSpan<float>(new float[6], [2, 3]), new ReadOnlyTensorSpan<float>(new float[12], [3, 4]),
                new ReadOnlyTensorSpan<float>(new float[12], shape), new TensorSpan<float>(destination, [2, 4]));

            act.Should().Throw<ArgumentException>().WithParameterName("addend");
            destination.Should().OnlyContain(x => x == 1);
        }
    }

    [Fact]
    public void An_addend_in_the_destination_is_refused()
    {
        float[] memory = new float[12];
        Action act = () => MatrixProduct.MultiplyAdd(
            new ReadOnlyTensorSpan<float>(new float[6], [2, 3]), new ReadOnlyTensorSpan<float>(new float[12], [3, 4]),
            new ReadOnlyTensorSpan<float>(memory.AsSpan(4, 4), [4]), new TensorSpan<float>(memory, [2, 4]));

        act.Should().Throw<ArgumentException>().WithParameterName("addend");
    }

    /// <summary>Every kind of addend, its shape and strides, out of rows x columns numbers.</summary>
    private static (nint[] Shape, nint[] Strides)[] Addends(int rows, int columns) =>
        [([columns], [1]), ([1], [1]), ([rows, columns], [columns, 1]), ([rows, columns], [1, rows]), ([1, columns], [columns, 1]), ([rows, 1], [1, 1])];

    /// <summary>A tensor span wants no stride for an axis of one element.</summary>
    private static nint[] Strides(nint[] lengths, nint[] strides) => [.. strides.Select((stride, axis) => lengths[axis] == 1 ? 0 : stride)];

    private static float[] Numbers(int count, Random random)
    {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = random.NextSingle() * 2 - 1;
        }

        return numbers;
    }
}
