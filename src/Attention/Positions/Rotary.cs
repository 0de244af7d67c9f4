using System.Numerics.Tensors;

namespace Attention.Positions;

/// <summary>
/// Rotary positions: pairs of channels of queries and keys are turned by angles that grow with the position, so that their
/// product depends on the distance alone (Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding",
/// section 3.4): <c>(a, b)</c> becomes <c>(a cos - b sin, a sin + b cos)</c>.
/// </summary>
/// <remarks>
/// <para>
/// Input and output are <c>[batch, heads, length, headSize]</c>, any strides but a contiguous last axis. The first
/// <see cref="RotaryTable.RotarySize"/> channels of a head are turned, the rest is copied. Queries and keys are turned, values
/// are not; keys before they go into a cache.
/// </para>
/// <para>
/// The output may be the input itself, the very same view; any other overlap is refused. The same inputs give the same bits
/// for any number of threads. All methods are thread-safe, and nothing is allocated unless the table has to grow.
/// </para>
/// </remarks>
public static unsafe class Rotary
{
    private const string Shape = "[batch, heads, length, headSize]";

    /// <summary>Turns rows at the positions <paramref name="offset"/>, <paramref name="offset"/> + 1, ... of every batch element.</summary>
    /// <param name="input">What is turned, <c>[batch, heads, length, headSize]</c>.</param>
    /// <param name="table">The cosines and sines; grows if it must and may.</param>
    /// <param name="offset">The position of the first row; with a cache, how many keys were there before.</param>
    /// <param name="layout">Which channels are pairs.</param>
    /// <param name="output">Overwritten, of the input's shape; the input itself or apart from it.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentNullException"><paramref name="table"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape, stride, layout or option is not as said, heads are smaller than the table's rotary size, a position is
    /// negative or beyond the table, or the output overlaps the input; nothing was written.
    /// </exception>
    public static void Apply(
        in ReadOnlyTensorSpan<float> input, RotaryTable table, int offset, RotaryLayout layout, in TensorSpan<float> output,
        in PositionOptions options = default) => Turn(input, table, offset, layout, 1, output, options);

    /// <summary>Turns rows at positions of their own.</summary>
    /// <param name="input">What is turned, <c>[batch, heads, length, headSize]</c>.</param>
    /// <param name="table">The cosines and sines; grows if it must and may.</param>
    /// <param name="positions">The position of every row, <c>[batch, length]</c>, row-major.</param>
    /// <param name="layout">Which channels are pairs.</param>
    /// <param name="output">Overwritten, of the input's shape; the input itself or apart from it.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <exception cref="ArgumentNullException"><paramref name="table"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape, stride, layout or option is not as said, heads are smaller than the table's rotary size, a position is
    /// negative or beyond the table, or the output overlaps the input; nothing was written.
    /// </exception>
    public static void Apply(
        in ReadOnlyTensorSpan<float> input, RotaryTable table, ReadOnlySpan<int> positions, RotaryLayout layout,
        in TensorSpan<float> output, in PositionOptions options = default) => Turn(input, table, positions, layout, 1, output, options);

    /// <summary>
    /// Turns rows back: the gradient of <see cref="Apply(in ReadOnlyTensorSpan{float}, RotaryTable, int, RotaryLayout, in TensorSpan{float}, in PositionOptions)"/>
    /// by its input, given that by its output.
    /// </summary>
    /// <param name="input">What is turned back, <c>[batch, heads, length, headSize]</c>.</param>
    /// <param name="table">The table of the forward pass.</param>
    /// <param name="offset">The position of the first row.</param>
    /// <param name="layout">Which channels are pairs.</param>
    /// <param name="output">Overwritten, of the input's shape; the input itself or apart from it.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <remarks>
    /// It multiplies by the transpose, which undoes a rotation. Where the table has an attention factor other than 1, the two
    /// together multiply by its square: the result is the gradient, not the inverse.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="table"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape, stride, layout or option is not as said, heads are smaller than the table's rotary size, a position is
    /// negative or beyond the table, or the output overlaps the input; nothing was written.
    /// </exception>
    public static void ApplyInverse(
        in ReadOnlyTensorSpan<float> input, RotaryTable table, int offset, RotaryLayout layout, in TensorSpan<float> output,
        in PositionOptions options = default) => Turn(input, table, offset, layout, -1, output, options);

    /// <summary>
    /// Turns rows at positions of their own back: the gradient of
    /// <see cref="Apply(in ReadOnlyTensorSpan{float}, RotaryTable, ReadOnlySpan{int}, RotaryLayout, in TensorSpan{float}, in PositionOptions)"/>
    /// by its input, given that by its output.
    /// </summary>
    /// <param name="input">What is turned back, <c>[batch, heads, length, headSize]</c>.</param>
    /// <param name="table">The table of the forward pass.</param>
    /// <param name="positions">The position of every row, <c>[batch, length]</c>, row-major.</param>
    /// <param name="layout">Which channels are pairs.</param>
    /// <param name="output">Overwritten, of the input's shape; the input itself or apart from it.</param>
    /// <param name="options">Threads and vector width.</param>
    /// <remarks>
    /// It multiplies by the transpose, which undoes a rotation. Where the table has an attention factor other than 1, the two
    /// together multiply by its square: the result is the gradient, not the inverse.
    /// </remarks>
    /// <exception cref="ArgumentNullException"><paramref name="table"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// A shape, stride, layout or option is not as said, heads are smaller than the table's rotary size, a position is
    /// negative or beyond the table, or the output overlaps the input; nothing was written.
    /// </exception>
    public static void ApplyInverse(
        in ReadOnlyTensorSpan<float> input, RotaryTable table, ReadOnlySpan<int> positions, RotaryLayout layout,
        in TensorSpan<float> output, in PositionOptions options = default) => Turn(input, table, positions, layout, -1, output, options);

    private static void Turn(
        in ReadOnlyTensorSpan<float> input, RotaryTable table, int offset, RotaryLayout layout, float direction,
        in TensorSpan<float> output, in PositionOptions options)
    {
        Check(input, table, layout, output, options);
        if (offset < 0)
        {
            Throw.OutOfRange(nameof(offset), offset, $"'{nameof(offset)}' is {offset}; expected a position from 0.");
        }

        if (input.FlattenedLength > 0)
        {
            float[] rows = table.Rows(offset + (long)input.Lengths[2], nameof(offset));
            Run(input, rows, table.RotarySize, offset, default, layout, direction, output, options);
        }
    }

    private static void Turn(
        in ReadOnlyTensorSpan<float> input, RotaryTable table, ReadOnlySpan<int> positions, RotaryLayout layout, float direction,
        in TensorSpan<float> output, in PositionOptions options)
    {
        Check(input, table, layout, output, options);
        if (positions.Length != input.Lengths[0] * input.Lengths[2])
        {
            Throw.Argument(
                nameof(positions),
                $"'{nameof(positions)}' has {positions.Length} elements; expected [batch, length] = [{input.Lengths[0]}, {input.Lengths[2]}].");
        }

        int largest = -1;
        for (int i = 0; i < positions.Length; i++)
        {
            largest = Math.Max(largest, positions[i]);
            if (positions[i] < 0)
            {
                Throw.OutOfRange(nameof(positions), positions[i], $"'{nameof(positions)}' has {positions[i]} at place {i}; expected a position from 0.");
            }
        }

        if (input.FlattenedLength > 0)
        {
            float[] rows = table.Rows(largest + 1L, nameof(positions));
            Run(input, rows, table.RotarySize, 0, positions, layout, direction, output, options);
        }
    }

    private static void Check(
        in ReadOnlyTensorSpan<float> input, RotaryTable table, RotaryLayout layout, in TensorSpan<float> output, in PositionOptions options)
    {
        ArgumentNullException.ThrowIfNull(table);
        PositionCheck.Options(options, nameof(options));
        Guard.Layout(input, 4, nameof(input), Shape);
        if (input.Lengths[3] < table.RotarySize)
        {
            Throw.Argument(
                nameof(input),
                $"'{nameof(input)}' has shape {Guard.Text(input.Lengths)}; expected {Shape} with heads of at least the table's {table.RotarySize} channels.");
        }

        if (layout is not (RotaryLayout.Interleaved or RotaryLayout.Half))
        {
            Throw.OutOfRange(nameof(layout), layout, $"'{nameof(layout)}' is {layout}; expected a defined layout.");
        }

        Guard.Shape(output, input.Lengths, nameof(output), "the shape of the input");
        if (!Overlap.IsSame(input, output))
        {
            Guard.Disjoint(output, nameof(output), input, nameof(input));
        }
    }

    private static void Run(
        in ReadOnlyTensorSpan<float> input, float[] rows, int rotarySize, int offset, ReadOnlySpan<int> positions,
        RotaryLayout layout, float direction, in TensorSpan<float> output, in PositionOptions options)
    {
        fixed (float* inputAddress = input, outputAddress = output, table = rows)
        fixed (int* positionAddress = positions)
        {
            RotaryPieces pieces = new()
            {
                Input = new HeadRows(inputAddress, input),
                Output = new HeadRows(outputAddress, output),
                Batch = (int)input.Lengths[0],
                Heads = (int)input.Lengths[1],
                Length = (int)input.Lengths[2],
                HeadSize = (int)input.Lengths[3],
                RotarySize = rotarySize,
                Table = table,
                Offset = offset,
                Positions = positionAddress,
                Layout = layout,
                Direction = direction,
            };
            PieceRunner.Run(pieces, input.FlattenedLength, options);
        }
    }
}
