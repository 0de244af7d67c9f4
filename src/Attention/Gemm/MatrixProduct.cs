using System.Numerics.Tensors;
using Attention.Execution;

namespace Attention.Gemm;

/// <summary>
/// The product of single-precision matrices, <c>destination = alpha left right + beta destination</c>: what BLAS calls SGEMM.
/// </summary>
/// <remarks>
/// <para>
/// For a <c>beta</c> of zero the destination is not read: whatever it held, NaN included, is gone. For an <c>alpha</c> of
/// zero, and where the matrices share an axis of length zero, left and right are not read and
/// <c>destination = beta destination</c>.
/// </para>
/// <para>
/// Every element is a sum of products taken in the order of the shared axis, in blocks whose length depends on that
/// axis and the vector width alone: the bits do not depend on the number of threads, on the batch around a matrix, on
/// strides or transposition, or on the other rows and columns. Nothing is allocated once the working memory has grown.
/// </para>
/// </remarks>
public static unsafe class MatrixProduct
{
    /// <summary>Computes <c>destination = alpha left right + beta destination</c> over matrices in spans.</summary>
    /// <param name="left">Holds the left factor, <c>[rows, depth]</c>.</param>
    /// <param name="leftLayout">Where its elements lie; <see cref="MatrixLayout.Transpose"/> transposes it.</param>
    /// <param name="right">Holds the right factor, <c>[depth, columns]</c>.</param>
    /// <param name="rightLayout">Where its elements lie.</param>
    /// <param name="destination">Receives the product, <c>[rows, columns]</c>. Memory between its elements is left alone.</param>
    /// <param name="destinationLayout">Where its elements lie; no two may share a place.</param>
    /// <param name="alpha">The factor on the product.</param>
    /// <param name="beta">The factor on what <paramref name="destination"/> held.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A layout has a negative member, or <paramref name="options"/> a negative degree of parallelism or an unknown width.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit each other; a span is shorter than its layout; the elements of the destination overlap each
    /// other; or the memory from the first to the last element of the destination overlaps that of a factor.
    /// </exception>
    public static void Multiply(
        ReadOnlySpan<float> left,
        in MatrixLayout leftLayout,
        ReadOnlySpan<float> right,
        in MatrixLayout rightLayout,
        Span<float> destination,
        in MatrixLayout destinationLayout,
        float alpha = 1,
        float beta = 0,
        in MatrixProductOptions options = default)
    {
        GemmCheck.Options(options);
        GemmCheck.Layout(leftLayout, left.Length, nameof(left), nameof(leftLayout));
        GemmCheck.Layout(rightLayout, right.Length, nameof(right), nameof(rightLayout));
        GemmCheck.Layout(destinationLayout, destination.Length, nameof(destination), nameof(destinationLayout));
        GemmCheck.Shapes(leftLayout, rightLayout, destinationLayout);
        fixed (float* leftMemory = left, rightMemory = right, destinationMemory = destination)
        {
            long destinationLength = destinationLayout.RequiredLength;
            GemmCheck.Disjoint(leftMemory, leftLayout.RequiredLength, destinationMemory, destinationLength, nameof(left));
            GemmCheck.Disjoint(rightMemory, rightLayout.RequiredLength, destinationMemory, destinationLength, nameof(right));
            GemmProblem problem = new()
            {
                Rows = destinationLayout.Rows,
                Columns = destinationLayout.Columns,
                Depth = leftLayout.Columns,
                Left = leftMemory,
                LeftRow = leftLayout.RowStride,
                LeftColumn = leftLayout.ColumnStride,
                Right = rightMemory,
                RightRow = rightLayout.RowStride,
                RightColumn = rightLayout.ColumnStride,
                Destination = destinationMemory,
                DestinationRow = destinationLayout.RowStride,
                DestinationColumn = destinationLayout.ColumnStride,
                Alpha = alpha,
                Beta = beta,
            };
            BatchedGemm.Multiply(problem, default, options);
        }
    }

    /// <summary>
    /// Computes <c>destination = alpha left right + beta destination</c> for one pair of matrices, or for every pair of a
    /// batch.
    /// </summary>
    /// <param name="left">
    /// The left factors, <c>[..., rows, depth]</c>. Any strides will do: a transposed view is a transposed factor.
    /// </param>
    /// <param name="right">The right factors, <c>[..., depth, columns]</c>, of any strides.</param>
    /// <param name="destination">
    /// Receives the products, <c>[..., rows, columns]</c>, of any strides that keep its elements apart. Its leading axes are
    /// those of the factors, aligned at the last one: where an axis of a factor is 1 or missing, that factor is used for
    /// all of the axis.
    /// </param>
    /// <param name="alpha">The factor on the product.</param>
    /// <param name="beta">The factor on what <paramref name="destination"/> held.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="options"/> has a negative degree of parallelism or an unknown width.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// A tensor has fewer than two axes; the shapes do not fit each other; the elements of the destination overlap each
    /// other; or the memory from the first to the last element of the destination overlaps that of a factor.
    /// </exception>
    public static void Multiply(
        in ReadOnlyTensorSpan<float> left,
        in ReadOnlyTensorSpan<float> right,
        in TensorSpan<float> destination,
        float alpha = 1,
        float beta = 0,
        in MatrixProductOptions options = default)
    {
        GemmCheck.Options(options);
        GemmCheck.Shapes(left, right, destination);
        Multiply(left, right, default, destination, alpha, beta, options);
    }

    /// <summary>
    /// Computes <c>destination = alpha left right + addend</c> for one pair of matrices, or for every pair of a batch: a linear
    /// layer with its bias, in one pass over the destination.
    /// </summary>
    /// <param name="left">As for <c>Multiply</c>.</param>
    /// <param name="right">As for <c>Multiply</c>.</param>
    /// <param name="addend">
    /// Added to every product: <c>[columns]</c> or <c>[rows, columns]</c>, of any strides; an axis of length 1 is used for all.
    /// </param>
    /// <param name="destination">As for <c>Multiply</c>; what it held is not read. It must not overlap the addend.</param>
    /// <param name="alpha">The factor on the product.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="options"/> has a negative degree of parallelism or an unknown width.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// A factor or the destination has fewer than two axes, or the addend not one or two; the shapes do not fit each other; the
    /// elements of the destination overlap each other; or the memory from the first to the last element of the destination
    /// overlaps that of another tensor.
    /// </exception>
    public static void MultiplyAdd(
        in ReadOnlyTensorSpan<float> left,
        in ReadOnlyTensorSpan<float> right,
        in ReadOnlyTensorSpan<float> addend,
        in TensorSpan<float> destination,
        float alpha = 1,
        in MatrixProductOptions options = default)
    {
        GemmCheck.Options(options);
        GemmCheck.Shapes(left, right, destination);
        GemmCheck.Addend(addend, destination);
        Multiply(left, right, addend, destination, alpha, beta: 0, options);
    }

    private static void Multiply(
        in ReadOnlyTensorSpan<float> left,
        in ReadOnlyTensorSpan<float> right,
        in ReadOnlyTensorSpan<float> addend,
        in TensorSpan<float> destination,
        float alpha,
        float beta,
        in MatrixProductOptions options)
    {
        fixed (float* leftMemory = left, rightMemory = right, addendMemory = addend, destinationMemory = destination)
        {
            long destinationLength = GemmCheck.Extent(destination.Lengths, destination.Strides);
            long leftLength = GemmCheck.Extent(left.Lengths, left.Strides);
            long rightLength = GemmCheck.Extent(right.Lengths, right.Strides);
            GemmCheck.Disjoint(leftMemory, leftLength, destinationMemory, destinationLength, nameof(left));
            GemmCheck.Disjoint(rightMemory, rightLength, destinationMemory, destinationLength, nameof(right));
            long addendLength = addend.Rank == 0 ? 0 : GemmCheck.Extent(addend.Lengths, addend.Strides);
            GemmCheck.Disjoint(addendMemory, addendLength, destinationMemory, destinationLength, nameof(addend));
            GemmProblem problem = new()
            {
                Rows = destination.Lengths[^2],
                Columns = destination.Lengths[^1],
                Depth = left.Lengths[^1],
                Left = leftMemory,
                LeftRow = left.Strides[^2],
                LeftColumn = left.Strides[^1],
                Right = rightMemory,
                RightRow = right.Strides[^2],
                RightColumn = right.Strides[^1],
                Destination = destinationMemory,
                DestinationRow = destination.Strides[^2],
                DestinationColumn = destination.Strides[^1],
                Start = addend.Rank == 0 ? null : addendMemory,
                StartRow = addend.Rank < 2 || addend.Lengths[0] == 1 ? 0 : addend.Strides[0],
                StartColumn = addend.Rank == 0 || addend.Lengths[^1] == 1 ? 0 : addend.Strides[^1],
                Alpha = alpha,
                Beta = beta,
            };
            using Scratch.Rental axes = Scratch.Rent(GemmBatch.FloatsNeeded(destination.Rank));
            GemmBatch batch = new(axes.Memory, left, right, destination);
            batch.FoldIntoRows(ref problem);
            BatchedGemm.Multiply(problem, batch, options);
        }
    }
}
