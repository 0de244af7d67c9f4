using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Attention.Numerics;

namespace Attention.Layers;

/// <content>Orthogonal matrices.</content>
public static unsafe partial class Initialization
{
    /// <summary>
    /// Fills a matrix so that its rows, or its columns if there are fewer of them, are orthogonal to each other and of length
    /// <paramref name="gain"/>: evenly spread over all such matrices.
    /// </summary>
    /// <remarks>
    /// The factor Q of a QR factorisation of normally distributed numbers, with the signs that make the diagonal of R positive,
    /// without which Q would not be evenly spread. Computed in double. Saxe, McClelland and Ganguli, "Exact solutions to the
    /// nonlinear dynamics of learning in deep linear neural networks" (ICLR 2014); Mezzadri, "How to generate random matrices
    /// from the classical compact groups" (Notices of the AMS 54, 2007).
    /// </remarks>
    /// <param name="destination">Receives the matrix, <c>[rows, columns]</c>, row-major.</param>
    /// <param name="random">The seed.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="columns">The columns.</param>
    /// <param name="gain">The length of each row or column.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="rows"/> or <paramref name="columns"/> is negative, or <paramref name="gain"/> not finite or negative.
    /// </exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has not rows x columns elements.</exception>
    public static void Orthogonal(Span<float> destination, PhiloxRandom random, int rows, int columns, float gain = 1f)
    {
        CheckSize(rows, nameof(rows));
        CheckSize(columns, nameof(columns));
        CheckGain(gain);
        if (destination.Length != (long)rows * columns)
        {
            Throw.Argument(
                nameof(destination),
                $"'{nameof(destination)}' has {destination.Length} elements; expected {(long)rows * columns}, for {rows} rows and {columns} columns.");
        }

        fixed (float* memory = destination)
        {
            FillOrthogonal(memory, random, rows, columns, columns, gain);
        }
    }

    /// <summary>
    /// Fills a matrix so that its rows, or its columns if there are fewer of them, are orthogonal to each other and of length
    /// <paramref name="gain"/>; see <see cref="Orthogonal(Span{float}, PhiloxRandom, int, int, float)"/>.
    /// </summary>
    /// <param name="destination">Receives the matrix, <c>[rows, columns]</c>; last axis contiguous.</param>
    /// <param name="random">The seed.</param>
    /// <param name="gain">The length of each row or column.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="gain"/> is not finite or negative.</exception>
    /// <exception cref="ArgumentException">
    /// <paramref name="destination"/> has not two axes, or the last one is not contiguous.
    /// </exception>
    public static void Orthogonal(in TensorSpan<float> destination, PhiloxRandom random, float gain = 1f)
    {
        Guard.Layout(destination, 2, nameof(destination), "[rows, columns]");
        CheckGain(gain);
        fixed (float* memory = destination)
        {
            FillOrthogonal(memory, random, (int)destination.Lengths[0], (int)destination.Lengths[1], destination.Strides[0], gain);
        }
    }

    private static void FillOrthogonal(float* destination, PhiloxRandom random, int rows, int columns, nint stride, float gain)
    {
        int count = Math.Min(rows, columns);
        int size = Math.Max(rows, columns);

        // Not from the scratch that a thread keeps: weights are made once, and the largest would be held for good.
        double* vectors = (double*)NativeMemory.Alloc((nuint)count * (nuint)size, sizeof(double));
        try
        {
            for (int vector = 0; vector < count; vector++)
            {
                double* numbers = vectors + ((nint)vector * size);
                for (int i = 0; i < size; i++)
                {
                    numbers[i] = random.Normal((ulong)vector * (ulong)size + (ulong)i);
                }

                Orthonormalize(vectors, vector, size);
                for (int i = 0; i < size; i++)
                {
                    nint place = rows <= columns ? vector * stride + i : i * stride + vector;
                    destination[place] = (float)(gain * numbers[i]);
                }
            }
        }
        finally
        {
            NativeMemory.Free(vectors);
        }
    }

    /// <summary>
    /// A step of the method of Gram and Schmidt: takes the directions of the vectors before it from one vector, and brings it to
    /// length 1. The length divided by is a diagonal element of R, and so R's diagonal is positive.
    /// </summary>
    private static void Orthonormalize(double* vectors, int vector, int size)
    {
        Span<double> own = new(vectors + ((nint)vector * size), size);

        // Once would leave errors in the directions of a vector that nearly vanishes; twice is enough.
        for (int pass = 0; pass < 2; pass++)
        {
            for (int other = 0; other < vector; other++)
            {
                ReadOnlySpan<double> direction = new(vectors + ((nint)other * size), size);
                TensorPrimitives.MultiplyAdd(direction, -TensorPrimitives.Dot(own, direction), own, own);
            }
        }

        TensorPrimitives.Divide(own, TensorPrimitives.Norm<double>(own), own);
    }

    private static void CheckSize(int size, string parameter)
    {
        if (size < 0)
        {
            Throw.OutOfRange(parameter, size, $"'{parameter}' is {size}; expected 0 or more.");
        }
    }
}
