using System.Numerics.Tensors;
using Attention.Execution;

namespace Attention.Positions;

/// <summary>
/// The relative position bias of T5: <c>bias[head, query, key] = table[bucket(key - query - offset), head]</c>, to be added to
/// the scores (Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text Transformer",
/// section 2.1).
/// </summary>
/// <remarks>
/// T5 does not divide scores by the root of the head size: use it with <see cref="AttentionOptions.Scale"/> 1. One table is
/// shared by all layers of a stack. Give the bias as <see cref="ScoreTerms.Bias"/>; its gradient comes from the backward pass.
/// </remarks>
public static unsafe class RelativePositionBias
{
    private const string TableShape = "[buckets, heads]";

    /// <summary>Looks the bias of every query and key up.</summary>
    /// <param name="table">The learned biases, <c>[buckets, heads]</c>.</param>
    /// <param name="buckets">Which row of the table a distance reads.</param>
    /// <param name="bias">
    /// Overwritten, <c>[heads, queryLength, keyLength]</c> or <c>[1, heads, queryLength, keyLength]</c>; must not overlap the table.
    /// </param>
    /// <param name="offset">The key that stands beside query 0; with a cache, how many keys were there before the queries.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentNullException"><paramref name="buckets"/> is null.</exception>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or the bias overlaps the table; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> table, RelativeBuckets buckets, in TensorSpan<float> bias, int offset = 0, in PositionOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(buckets);
        PositionCheck.Options(options, nameof(options));
        RelativeTable.CheckTable(table, buckets.Count, nameof(table), TableShape);
        RelativeTable.CheckBias(bias, table.Lengths[1], nameof(bias));
        Guard.Disjoint(bias, nameof(bias), table, nameof(table));
        if (bias.FlattenedLength > 0)
        {
            RelativeGrid grid = new(1, (int)bias.Lengths[^2], (int)bias.Lengths[^1]);
            using Scratch.Rental rental = Scratch.Rent(grid.LineLength);
            RelativeTable.Gather(table, grid, Rows(rental, grid, buckets, offset), bias, options);
        }
    }

    /// <summary>Sums the bias's gradient into that of the table.</summary>
    /// <param name="biasGradient">
    /// The gradient of the loss by the bias, <c>[heads, queryLength, keyLength]</c> or <c>[1, heads, queryLength, keyLength]</c>.
    /// </param>
    /// <param name="buckets">The buckets of the forward pass.</param>
    /// <param name="tableGradient">Overwritten, <c>[buckets, heads]</c>; must not overlap the bias's gradient.</param>
    /// <param name="offset">The offset of the forward pass.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentNullException"><paramref name="buckets"/> is null.</exception>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or the gradients overlap; nothing was written.</exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> biasGradient, RelativeBuckets buckets, in TensorSpan<float> tableGradient, int offset = 0,
        in PositionOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(buckets);
        PositionCheck.Options(options, nameof(options));
        RelativeTable.CheckTable(tableGradient, buckets.Count, nameof(tableGradient), TableShape);
        RelativeTable.CheckBias(biasGradient, tableGradient.Lengths[1], nameof(biasGradient));
        Guard.Disjoint(tableGradient, nameof(tableGradient), biasGradient, nameof(biasGradient));
        if (biasGradient.FlattenedLength == 0)
        {
            tableGradient.Clear();
            return;
        }

        RelativeGrid grid = new(1, (int)biasGradient.Lengths[^2], (int)biasGradient.Lengths[^1]);
        using Scratch.Rental rental = Scratch.Rent(grid.LineLength);
        RelativeTable.Scatter(biasGradient, grid, Rows(rental, grid, buckets, offset), tableGradient, options);
    }

    /// <summary>The bucket of every relative position, from that of the last query and the first key on.</summary>
    private static int* Rows(in Scratch.Rental rental, in RelativeGrid grid, RelativeBuckets buckets, int offset)
    {
        int* rows = (int*)rental.Memory;
        long first = 1 - (long)grid.Queries - offset;
        for (nint place = 0; place < grid.LineLength; place++)
        {
            rows[place] = buckets.Bucket(first + place);
        }

        return rows;
    }
}
