using System.Numerics.Tensors;

namespace Attention.Operators;

/// <summary>Takes what lies beyond the ends of sequences out of a tensor.</summary>
public static unsafe class SequencePadding
{
    /// <summary>
    /// Copies the positions of each sequence and writes zeros behind them. What the padding of the input holds, NaN included, is not
    /// read. With gradients for input and output this is its own backward pass.
    /// </summary>
    /// <param name="input"><c>[batch, length, size]</c>.</param>
    /// <param name="lengths">The length of each sequence, from 0 to <c>length</c>.</param>
    /// <param name="output">Overwritten, of the input's shape; must not overlap it.</param>
    /// <exception cref="ArgumentException">A shape or stride is not as said, or the output overlaps the input; nothing was written.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A length is negative or above <c>length</c>; nothing was written.</exception>
    public static void Clear(in ReadOnlyTensorSpan<float> input, ReadOnlySpan<int> lengths, in TensorSpan<float> output)
    {
        Guard.Layout(input, 3, nameof(input), "[batch, length, size]");
        OperatorCheck.Length(lengths.Length, input.Lengths[0], mayBeAbsent: false, nameof(lengths), "one for each sequence");
        CheckLengths(lengths, input.Lengths[1]);
        Guard.Shape(output, input.Lengths, nameof(output), "the shape of 'input'");
        OperatorCheck.Written(output, nameof(output));
        Guard.Disjoint(output, nameof(output), input, nameof(input));
        int size = (int)input.Lengths[2];
        fixed (float* inputAddress = input, outputAddress = output)
        {
            for (int batch = 0; batch < lengths.Length; batch++)
            {
                for (int position = 0; position < input.Lengths[1]; position++)
                {
                    Span<float> row = new(outputAddress + batch * output.Strides[0] + position * output.Strides[1], size);
                    if (position < lengths[batch])
                    {
                        new ReadOnlySpan<float>(inputAddress + batch * input.Strides[0] + position * input.Strides[1], size).CopyTo(row);
                    }
                    else
                    {
                        row.Clear();
                    }
                }
            }
        }
    }

    internal static void CheckLengths(ReadOnlySpan<int> lengths, nint most)
    {
        for (int batch = 0; batch < lengths.Length; batch++)
        {
            if (lengths[batch] < 0 || lengths[batch] > most)
            {
                Throw.OutOfRange(
                    nameof(lengths), lengths[batch],
                    $"'{nameof(lengths)}' has {lengths[batch]} at {batch}; expected a length from 0 to {most}.");
            }
        }
    }
}
