using System.Numerics.Tensors;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Sums, products and copies of tensors, element by element, with broadcasting.</summary>
/// <remarks>
/// <para>
/// Tensors may have any strides: transposed views are turned in tiles that fit into the cache. A tensor is broadcast to a
/// larger one whose axes, aligned at the last, are as long as its own; where its own is 1 or missing in front, it
/// is used for all of the axis.
/// </para>
/// <para>
/// Where a method takes <c>beta</c>, zero means that the destination is not read: whatever it held, NaN included, is gone.
/// The bits depend on shapes, strides and vector width, and not on the number of threads. Nothing is allocated once the
/// working memory has grown. The methods can be called from several threads at once.
/// </para>
/// </remarks>
public static unsafe class Elementwise
{
    /// <summary>
    /// Computes <c>destination = alpha source + beta destination</c>: copies, scales, adds up and transposes.
    /// </summary>
    /// <param name="source">What is added: the shape of the destination, or one that is broadcast to it.</param>
    /// <param name="destination">Receives the result. It may be <paramref name="source"/> itself.</param>
    /// <param name="alpha">The factor on the source. The source is read even where it is zero.</param>
    /// <param name="beta">The factor on what <paramref name="destination"/> held.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    /// <exception cref="ArgumentException">
    /// A tensor has no axes; the source does not broadcast to the destination; the elements of the destination overlap each
    /// other; or the destination overlaps the source without being the same.
    /// </exception>
    public static void Accumulate(
        in ReadOnlyTensorSpan<float> source,
        in TensorSpan<float> destination,
        float alpha = 1,
        float beta = 0,
        int maxDegreeOfParallelism = 0) =>
        Accumulate(source, destination, alpha, beta, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>Computes <c>destination = left right + beta destination</c>, element by element.</summary>
    /// <param name="left">The left factor: the shape of the destination, or one that is broadcast to it.</param>
    /// <param name="right">The right factor, likewise.</param>
    /// <param name="destination">Receives the products. It may be a factor itself.</param>
    /// <param name="beta">The factor on what <paramref name="destination"/> held.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    /// <exception cref="ArgumentException">
    /// A tensor has no axes; a factor does not broadcast to the destination; the elements of the destination overlap each
    /// other; or the destination overlaps a factor without being the same.
    /// </exception>
    public static void Multiply(
        in ReadOnlyTensorSpan<float> left,
        in ReadOnlyTensorSpan<float> right,
        in TensorSpan<float> destination,
        float beta = 0,
        int maxDegreeOfParallelism = 0) =>
        Multiply(left, right, destination, beta, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>
    /// Computes <c>destination = alpha sum(source) + beta destination</c>: the gradient of a broadcast. The sum runs over the
    /// axes along which the destination has length one, or which it lacks in front.
    /// </summary>
    /// <param name="source">What is summed. A sum over an empty axis is 0.</param>
    /// <param name="destination">Receives the sums: a shape that broadcasts to that of the source.</param>
    /// <param name="alpha">The factor on the sums.</param>
    /// <param name="beta">The factor on what <paramref name="destination"/> held.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    /// <exception cref="ArgumentException">
    /// A tensor has no axes; the destination does not broadcast to the source; its elements overlap each other; or it overlaps
    /// the source (it may be the source itself if the shapes are the same).
    /// </exception>
    public static void Sum(
        in ReadOnlyTensorSpan<float> source,
        in TensorSpan<float> destination,
        float alpha = 1,
        float beta = 0,
        int maxDegreeOfParallelism = 0) =>
        Sum(source, destination, alpha, beta, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>Computes the sum of the squares of all elements: the square of what gradients are clipped by.</summary>
    /// <param name="source">The numbers, of any shape. Large and small ones neither overflow nor vanish.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <returns>The sum; 0 of no elements, NaN if one is NaN.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="source"/> has no axes.</exception>
    public static double SumOfSquares(in ReadOnlyTensorSpan<float> source, int maxDegreeOfParallelism = 0) =>
        SumOfSquares(source, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>Sets every element to <paramref name="value"/>.</summary>
    /// <param name="destination">Receives the value.</param>
    /// <param name="value">The value.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="maxDegreeOfParallelism"/> is negative.</exception>
    /// <exception cref="ArgumentException"><paramref name="destination"/> has no axes, or its elements overlap each other.</exception>
    public static void Fill(in TensorSpan<float> destination, float value, int maxDegreeOfParallelism = 0) =>
        Fill(destination, value, maxDegreeOfParallelism, SimdWidth.Automatic);

    internal static void Accumulate(
        in ReadOnlyTensorSpan<float> source,
        in TensorSpan<float> destination,
        float alpha,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Written(destination, nameof(destination));
        OperatorCheck.Broadcasts(source, nameof(source), destination, nameof(destination));
        OperatorCheck.SameOrDisjoint(destination, nameof(destination), source, nameof(source));
        MapCall.Run(new ScaleFunction(alpha), source, default, destination, beta, maxDegreeOfParallelism, width);
    }

    internal static void Multiply(
        in ReadOnlyTensorSpan<float> left,
        in ReadOnlyTensorSpan<float> right,
        in TensorSpan<float> destination,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Written(destination, nameof(destination));
        OperatorCheck.Broadcasts(left, nameof(left), destination, nameof(destination));
        OperatorCheck.Broadcasts(right, nameof(right), destination, nameof(destination));
        OperatorCheck.SameOrDisjoint(destination, nameof(destination), left, nameof(left));
        OperatorCheck.SameOrDisjoint(destination, nameof(destination), right, nameof(right));
        MapCall.Run(default(ProductFunction), left, right, destination, beta, maxDegreeOfParallelism, width);
    }

    internal static void Sum(
        in ReadOnlyTensorSpan<float> source,
        in TensorSpan<float> destination,
        float alpha,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Present(source, nameof(source));
        OperatorCheck.Written(destination, nameof(destination));
        OperatorCheck.Broadcasts(destination, nameof(destination), source, nameof(source));
        OperatorCheck.SameOrDisjoint(destination, nameof(destination), source, nameof(source));
        SumCall.Run(source, destination, alpha, beta, maxDegreeOfParallelism, width);
    }

    internal static double SumOfSquares(in ReadOnlyTensorSpan<float> source, int maxDegreeOfParallelism, SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Present(source, nameof(source));
        return SquaresCall.Run(source, maxDegreeOfParallelism, width);
    }

    internal static void Fill(in TensorSpan<float> destination, float value, int maxDegreeOfParallelism, SimdWidth width)
    {
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Written(destination, nameof(destination));
        ReadOnlyTensorSpan<float> source = new(new ReadOnlySpan<float>(in value));
        MapCall.Run(new ScaleFunction(1f), source, default, destination, 0f, maxDegreeOfParallelism, width);
    }
}
