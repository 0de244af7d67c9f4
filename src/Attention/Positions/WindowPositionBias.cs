using System.Numerics.Tensors;
using Attention.Execution;

namespace Attention.Positions;

/// <summary>
/// The relative position bias of attention within a window of an image: query and key are cells of a grid, and
/// <c>bias[head, query, key] = table[(dy + height - 1) (2 width - 1) + dx + width - 1, head]</c>, where dy and dx are the query's
/// row and column minus the key's (Liu et al. 2021, "Swin Transformer", equation 4, and its code).
/// </summary>
/// <remarks>
/// Cells are numbered row by row. The bias is the same for every window of an image: give it as
/// <see cref="ScoreTerms.Bias"/>, which is broadcast over the batch.
/// </remarks>
public static unsafe class WindowPositionBias
{
    private const string TableShape = "[(2 height - 1) (2 width - 1), heads]";

    /// <summary>Looks the bias of every pair of cells up.</summary>
    /// <param name="table">The learned biases, <c>[(2 height - 1) (2 width - 1), heads]</c>.</param>
    /// <param name="height">The rows of the window.</param>
    /// <param name="width">The columns of the window.</param>
    /// <param name="bias">
    /// Overwritten, <c>[heads, height width, height width]</c>, where a leading axis of 1 may stand; must not overlap the table.
    /// </param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive or too large, a shape, stride or option is not as said, or the bias overlaps the table; nothing was
    /// written.
    /// </exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> table, int height, int width, in TensorSpan<float> bias, in PositionOptions options = default)
    {
        RelativeGrid grid = Grid(height, width);
        PositionCheck.Options(options, nameof(options));
        RelativeTable.CheckTable(table, grid.LineLength, nameof(table), TableShape);
        CheckBias(bias, table.Lengths[1], grid, nameof(bias));
        Guard.Disjoint(bias, nameof(bias), table, nameof(table));
        if (bias.FlattenedLength > 0)
        {
            using Scratch.Rental rental = Scratch.Rent(grid.LineLength);
            RelativeTable.Gather(table, grid, Rows(rental, grid), bias, options);
        }
    }

    /// <summary>Sums the bias's gradient into that of the table.</summary>
    /// <param name="biasGradient">
    /// The gradient of the loss by the bias, <c>[heads, height width, height width]</c>, where a leading axis of 1 may stand.
    /// </param>
    /// <param name="height">The rows of the window.</param>
    /// <param name="width">The columns of the window.</param>
    /// <param name="tableGradient">
    /// Overwritten, <c>[(2 height - 1) (2 width - 1), heads]</c>; must not overlap the bias's gradient.
    /// </param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentException">
    /// A size is not positive or too large, a shape, stride or option is not as said, or the gradients overlap; nothing was written.
    /// </exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> biasGradient, int height, int width, in TensorSpan<float> tableGradient, in PositionOptions options = default)
    {
        RelativeGrid grid = Grid(height, width);
        PositionCheck.Options(options, nameof(options));
        RelativeTable.CheckTable(tableGradient, grid.LineLength, nameof(tableGradient), TableShape);
        CheckBias(biasGradient, tableGradient.Lengths[1], grid, nameof(biasGradient));
        Guard.Disjoint(tableGradient, nameof(tableGradient), biasGradient, nameof(biasGradient));
        if (biasGradient.FlattenedLength > 0)
        {
            using Scratch.Rental rental = Scratch.Rent(grid.LineLength);
            RelativeTable.Scatter(biasGradient, grid, Rows(rental, grid), tableGradient, options);
        }
    }

    private static RelativeGrid Grid(int height, int width)
    {
        PositionCheck.Positive(height, nameof(height));
        PositionCheck.Positive(width, nameof(width));
        if ((long)height * width > int.MaxValue / 4)
        {
            Throw.OutOfRange(nameof(width), width, $"'{nameof(width)}' is {width}; a window of {height} rows may have {int.MaxValue / 4} cells at most.");
        }

        return new RelativeGrid(height, width, width);
    }

    private static void CheckBias(in ReadOnlyTensorSpan<float> bias, nint heads, in RelativeGrid grid, string parameter)
    {
        RelativeTable.CheckBias(bias, heads, parameter);
        if (bias.Lengths[^2] != grid.Queries || bias.Lengths[^1] != grid.Keys)
        {
            Throw.Argument(
                parameter, $"'{parameter}' has shape {Guard.Text(bias.Lengths)}; expected [{heads}, {grid.Queries}, {grid.Keys}] ([heads, height width, height width]).");
        }
    }

    /// <summary>The table runs by query minus key, the line by key minus query: it is the table backwards.</summary>
    private static int* Rows(in Scratch.Rental rental, in RelativeGrid grid)
    {
        int* rows = (int*)rental.Memory;
        for (nint place = 0; place < grid.LineLength; place++)
        {
            rows[place] = (int)(grid.LineLength - 1 - place);
        }

        return rows;
    }
}
