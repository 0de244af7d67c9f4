using System.Numerics.Tensors;
using Attention.Gemm;

namespace Attention.Tests.Gemm;

public sealed class MatrixProductBatchTests
{
    public static TheoryData<nint[], nint[], nint[]> Shapes => new()
    {
        { [7, 5], [5, 9], [7, 9] },
        { [3, 7, 5], [3, 5, 9], [3, 7, 9] },
        { [2, 3, 7, 5], [2, 3, 5, 9], [2, 3, 7, 9] },
        { [2, 3, 7, 5], [5, 9], [2, 3, 7, 9] },
        { [2, 3, 1, 5], [5, 9], [2, 3, 1, 9] },
        { [7, 5], [4, 5, 9], [4, 7, 9] },
        { [2, 1, 7, 5], [3, 5, 9], [2, 3, 7, 9] },
        { [1, 3, 7, 5], [2, 1, 5, 9], [2, 3, 7, 9] },
        { [2, 3, 7, 5], [2, 1, 5, 9], [2, 3, 7, 9] },
        { [1, 1, 7, 5], [1, 1, 5, 9], [1, 1, 7, 9] },
        { [0, 7, 5], [0, 5, 9], [0, 7, 9] },
        { [0, 7, 5], [1, 5, 9], [0, 7, 9] },
        { [3, 7, 0], [3, 0, 9], [3, 7, 9] },
        { [40, 3, 4], [40, 4, 2], [40, 3, 2] },
        { [3, 70, 130], [3, 130, 90], [3, 70, 90] },
    };

    [Theory]
    [MemberData(nameof(Shapes))]
    public void Every_product_of_a_batch(nint[] leftShape, nint[] rightShape, nint[] shape)
    {
        foreach (int threads in (int[])[1, 2, 7])
        {
            foreach (bool swapped in (bool[])[false, true])
            {
                Verify(leftShape, rightShape, shape, threads, swapped);
            }
        }
    }

    // [length, heads, size] and the like: batch axes between the rows and columns, so that no matrix is contiguous.
    [Fact]
    public void Batch_axes_inside_the_rows()
    {
        const int Heads = 3;
        const int Rows = 4;
        const int Depth = 5;
        const int Columns = 2;
        float[] left = Numbers(Rows * Heads * Depth, 1);
        float[] right = Numbers(Depth * Heads * Columns, 2);
        float[] destination = new float[Rows * Heads * Columns];

        MatrixProduct.Multiply(
            new ReadOnlyTensorSpan<float>(left, [Heads, Rows, Depth], [Depth, Heads * Depth, 1]),
            new ReadOnlyTensorSpan<float>(right, [Heads, Depth, Columns], [Columns, Heads * Columns, 1]),
            new TensorSpan<float>(destination, [Heads, Rows, Columns], [Columns, Heads * Columns, 1]));

        for (int head = 0; head < Heads; head++)
        {
            for (int row = 0; row < Rows; row++)
            {
                for (int column = 0; column < Columns; column++)
                {
                    double sum = 0;
                    for (int step = 0; step < Depth; step++)
                    {
                        sum += (double)left[(row * Heads + head) * Depth + step] * right[(step * Heads + head) * Columns + column];
                    }

                    destination[(row * Heads + head) * Columns + column].Should().BeApproximately((float)sum, Depth / (float)(1 << 22));
                }
            }
        }
    }

    // Each product alone, over spans, is the reference: the bits may not depend on the batch around it.
    private static void Verify(nint[] leftShape, nint[] rightShape, nint[] shape, int threads, bool swapped)
    {
        float[] left = Numbers(Count(leftShape), 1);
        float[] right = Numbers(Count(rightShape), 2);
        float[] destination = Numbers(Count(shape), 3);
        float[] expected = [.. destination];
        (int rows, int depth, int columns) = ((int)leftShape[^2], (int)leftShape[^1], (int)rightShape[^1]);
        nint[] leftStrides = Strides(leftShape, swapped);
        nint[] rightStrides = Strides(rightShape, swapped);
        nint[] strides = Strides(shape, swapped);

        MatrixProduct.Multiply(
            new ReadOnlyTensorSpan<float>(left, leftShape, TensorStrides(leftShape, leftStrides)),
            new ReadOnlyTensorSpan<float>(right, rightShape, TensorStrides(rightShape, rightStrides)),
            new TensorSpan<float>(destination, shape, TensorStrides(shape, strides)),
            alpha: 1.5f,
            beta: -0.5f,
            new() { MaxDegreeOfParallelism = threads });

        int products = Count(shape[..^2]);
        for (int product = 0; product < products; product++)
        {
            MatrixProduct.Multiply(
                left.AsSpan(Offset(product, shape, leftShape, leftStrides)),
                new MatrixLayout(rows, depth, (int)leftStrides[^2], (int)leftStrides[^1]),
                right.AsSpan(Offset(product, shape, rightShape, rightStrides)),
                new MatrixLayout(depth, columns, (int)rightStrides[^2], (int)rightStrides[^1]),
                expected.AsSpan(Offset(product, shape, shape, strides)),
                new MatrixLayout(rows, columns, (int)strides[^2], (int)strides[^1]),
                alpha: 1.5f,
                beta: -0.5f,
                new() { MaxDegreeOfParallelism = 1 });
        }

        destination.AsSpan().SequenceEqual(expected).Should().BeTrue($"{threads} threads, transposed: {swapped}");
    }

    private static int Offset(int product, nint[] shape, nint[] operand, nint[] strides)
    {
        nint offset = 0;
        for (int axis = shape.Length - 3; axis >= 0; axis--)
        {
            nint index = product % shape[axis];
            product /= (int)shape[axis];
            int own = axis - (shape.Length - operand.Length);
            if (own >= 0 && operand[own] != 1)
            {
                offset += index * strides[own];
            }
        }

        return (int)offset;
    }

    /// <summary>
    /// Strides of memory without gaps, with the matrices stored by columns if <paramref name="swapped"/>; 0 along an axis
    /// of one, as tensor spans want it.
    /// </summary>
    private static nint[] Strides(nint[] shape, bool swapped)
    {
        nint[] strides = new nint[shape.Length];
        nint stride = 1;
        for (int place = shape.Length - 1; place >= 0; place--)
        {
            int axis = swapped && place >= shape.Length - 2 ? 2 * shape.Length - 3 - place : place;
            strides[axis] = shape[axis] == 1 ? 0 : stride;
            stride *= shape[axis];
        }

        return strides;
    }

    /// <summary>Tensor spans of no elements take no strides.</summary>
    private static nint[] TensorStrides(nint[] shape, nint[] strides) => Count(shape) == 0 ? [] : strides;

    private static int Count(nint[] shape) => (int)shape.Aggregate((nint)1, (count, length) => count * length);

    private static float[] Numbers(int count, int seed)
    {
        Random random = new(seed);
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = random.NextSingle() * 2 - 1;
        }

        return numbers;
    }
}
