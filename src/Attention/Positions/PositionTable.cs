using System.Numerics.Tensors;

namespace Attention.Positions;

/// <summary>
/// Learned positions of image patches, brought to a grid of another size by bilinear interpolation, so that a vision transformer
/// can read images of a size it was not trained on (Dosovitskiy et al. 2021, "An Image is Worth 16x16 Words", section 3.2).
/// </summary>
/// <remarks>
/// A table has a row for each class token, then one for each cell of the grid, row by row. Class tokens are copied. A grid of
/// the same size gives the same numbers.
/// </remarks>
public static unsafe class PositionTable
{
    private const string Shape = "[classTokens + height width, size]";

    /// <summary>Interpolates a table of positions to another grid.</summary>
    /// <param name="table">The learned positions, <c>[classTokens + height width, size]</c>.</param>
    /// <param name="grid">The two grids.</param>
    /// <param name="destination">Overwritten, <c>[classTokens + newHeight newWidth, size]</c>; must not overlap the table.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said, <paramref name="grid"/> is empty or has a negative number of class tokens, or
    /// the destination overlaps the table; nothing was written.
    /// </exception>
    public static void Resize(
        in ReadOnlyTensorSpan<float> table, in GridResize grid, in TensorSpan<float> destination, in PositionOptions options = default)
    {
        Check(grid, options);
        CheckTable(table, grid.ClassTokens + (long)grid.Height * grid.Width, nameof(table));
        CheckTable(destination, grid.ClassTokens + (long)grid.NewHeight * grid.NewWidth, nameof(destination));
        CheckSize(destination, table.Lengths[1], nameof(destination));
        Guard.Disjoint(destination, nameof(destination), table, nameof(table));
        Run(table, grid, destination, isBackward: false, options);
    }

    /// <summary>Computes the gradient of the table from that of the resized positions.</summary>
    /// <param name="destinationGradient">The gradient of the loss by the result, <c>[classTokens + newHeight newWidth, size]</c>.</param>
    /// <param name="grid">The two grids of the forward pass.</param>
    /// <param name="tableGradient">Overwritten, <c>[classTokens + height width, size]</c>; must not overlap the other gradient.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride or option is not as said, <paramref name="grid"/> is empty or has a negative number of class tokens, or
    /// the gradients overlap; nothing was written.
    /// </exception>
    public static void ResizeBackward(
        in ReadOnlyTensorSpan<float> destinationGradient, in GridResize grid, in TensorSpan<float> tableGradient, in PositionOptions options = default)
    {
        Check(grid, options);
        CheckTable(destinationGradient, grid.ClassTokens + (long)grid.NewHeight * grid.NewWidth, nameof(destinationGradient));
        CheckTable(tableGradient, grid.ClassTokens + (long)grid.Height * grid.Width, nameof(tableGradient));
        CheckSize(tableGradient, destinationGradient.Lengths[1], nameof(tableGradient));
        Guard.Disjoint(tableGradient, nameof(tableGradient), destinationGradient, nameof(destinationGradient));
        Run(destinationGradient, grid, tableGradient, isBackward: true, options);
    }

    private static void Check(in GridResize grid, in PositionOptions options)
    {
        PositionCheck.Options(options, nameof(options));
        if (grid.Height == 0)
        {
            Throw.Argument(nameof(grid), $"'{nameof(grid)}' is the default value; expected two grids of at least one cell.");
        }

        if (grid.ClassTokens < 0)
        {
            Throw.OutOfRange(nameof(grid), grid.ClassTokens, $"'{nameof(grid.ClassTokens)}' is {grid.ClassTokens}; expected 0 or more.");
        }

        if (grid.Alignment is not (GridAlignment.Corners or GridAlignment.Edges))
        {
            Throw.OutOfRange(nameof(grid), grid.Alignment, $"'{nameof(grid.Alignment)}' is {grid.Alignment}; expected a defined alignment.");
        }
    }

    private static void CheckTable(in ReadOnlyTensorSpan<float> table, long rows, string parameter)
    {
        Guard.Layout(table, 2, parameter, Shape);
        if (table.Lengths[0] != rows)
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(table.Lengths)}; expected {rows} rows, one for each class token and cell of its grid.");
        }
    }

    private static void CheckSize(in ReadOnlyTensorSpan<float> tensor, nint size, string parameter)
    {
        if (tensor.Lengths[1] != size)
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected rows of {size} elements.");
        }
    }

    private static void Run(
        in ReadOnlyTensorSpan<float> source, in GridResize grid, in TensorSpan<float> destination, bool isBackward, in PositionOptions options)
    {
        fixed (float* sourceAddress = source, destinationAddress = destination)
        {
            ResizePieces pieces = new()
            {
                Source = sourceAddress,
                SourceStride = PositionCheck.Stride(source, 0),
                Destination = destinationAddress,
                DestinationStride = PositionCheck.Stride(destination, 0),
                DestinationRows = destination.Lengths[0],
                Size = source.Lengths[1],
                Grid = grid,
                IsBackward = isBackward,
            };

            // Each new cell reads four old ones.
            PieceRunner.Run(pieces, 4.0 * (grid.ClassTokens + (double)grid.NewHeight * grid.NewWidth) * source.Lengths[1], options);
        }
    }
}
