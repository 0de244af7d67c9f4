using System.Numerics.Tensors;

namespace Attention.Gemm;

/// <summary>What the public products ask of their arguments, all of it before anything is written.</summary>
internal static unsafe class GemmCheck
{
    internal static void Options(in MatrixProductOptions options)
    {
        if (options.MaxDegreeOfParallelism < 0)
        {
            Throw.OutOfRange(
                nameof(options),
                options.MaxDegreeOfParallelism,
                $"'{nameof(options.MaxDegreeOfParallelism)}' is {options.MaxDegreeOfParallelism}; expected 0 (all processors) or more.");
        }

        if (!Enum.IsDefined(options.Width))
        {
            Throw.OutOfRange(
                nameof(options), options.Width, $"'{nameof(options.Width)}' is {options.Width}; expected a defined vector width.");
        }
    }

    internal static void Layout(in MatrixLayout layout, int length, string span, string name)
    {
        if (layout.Rows < 0 || layout.Columns < 0 || layout.RowStride < 0 || layout.ColumnStride < 0)
        {
            Throw.OutOfRange(name, layout, $"'{name}' is {layout}; expected no negative member.");
        }

        if (length < layout.RequiredLength)
        {
            Throw.Argument(span, $"'{span}' has {length} elements; {layout} needs {layout.RequiredLength}.");
        }
    }

    internal static void Shapes(in MatrixLayout left, in MatrixLayout right, in MatrixLayout destination)
    {
        if (right.Rows != left.Columns)
        {
            Throw.Argument(
                "rightLayout", $"'rightLayout' has {right.Rows} rows; 'leftLayout' has {left.Columns} columns and needs as many.");
        }

        if (destination.Rows != left.Rows || destination.Columns != right.Columns)
        {
            Throw.Argument(
                "destinationLayout",
                $"'destinationLayout' has shape [{destination.Rows}, {destination.Columns}]; expected [{left.Rows}, {right.Columns}].");
        }

        ReadOnlySpan<nint> lengths = [destination.Rows, destination.Columns];
        ReadOnlySpan<nint> strides = [destination.RowStride, destination.ColumnStride];
        Apart(lengths, strides, "destinationLayout");
    }

    internal static void Shapes(in ReadOnlyTensorSpan<float> left, in ReadOnlyTensorSpan<float> right, in TensorSpan<float> destination)
    {
        Rank(left.Lengths, "left");
        Rank(right.Lengths, "right");
        Rank(destination.Lengths, "destination");
        if (right.Lengths[^2] != left.Lengths[^1])
        {
            Throw.Argument(
                "right",
                $"'right' has shape {Guard.Text(right.Lengths)}; 'left' has shape {Guard.Text(left.Lengths)}, "
                + $"so its next to last axis must be {left.Lengths[^1]}.");
        }

        int rank = Math.Max(left.Rank, right.Rank);
        for (int fromEnd = 3; fromEnd <= rank; fromEnd++)
        {
            nint leftLength = LengthOrOne(left.Lengths, fromEnd);
            nint rightLength = LengthOrOne(right.Lengths, fromEnd);
            if (leftLength != rightLength && leftLength != 1 && rightLength != 1)
            {
                Throw.Argument(
                    "right",
                    $"'right' has shape {Guard.Text(right.Lengths)}, whose leading axes do not broadcast with those of 'left', "
                    + $"{Guard.Text(left.Lengths)}.");
            }
        }

        bool fits = destination.Rank == rank;
        for (int fromEnd = 1; fromEnd <= rank; fromEnd++)
        {
            fits = fits && destination.Lengths[^fromEnd] == ProductLength(left.Lengths, right.Lengths, fromEnd);
        }

        if (!fits)
        {
            nint[] expected = new nint[rank];
            for (int fromEnd = 1; fromEnd <= rank; fromEnd++)
            {
                expected[^fromEnd] = ProductLength(left.Lengths, right.Lengths, fromEnd);
            }

            Throw.Argument("destination", $"'destination' has shape {Guard.Text(destination.Lengths)}; expected {Guard.Text(expected)}.");
        }

        Apart(destination.Lengths, destination.Strides, "destination");
    }

    internal static void Addend(in ReadOnlyTensorSpan<float> addend, in TensorSpan<float> destination)
    {
        bool fits = addend.Rank is 1 or 2;
        for (int fromEnd = 1; fits && fromEnd <= addend.Rank; fromEnd++)
        {
            fits = addend.Lengths[^fromEnd] == destination.Lengths[^fromEnd] || addend.Lengths[^fromEnd] == 1;
        }

        if (!fits)
        {
            Throw.Argument(
                "addend",
                $"'addend' has shape {Guard.Text(addend.Lengths)}; expected one or two axes that broadcast to "
                + $"[{destination.Lengths[^2]}, {destination.Lengths[^1]}].");
        }
    }

    /// <summary>Floats from the first to the last element, both included.</summary>
    internal static long Extent(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides)
    {
        long extent = 1;
        for (int axis = 0; axis < lengths.Length; axis++)
        {
            if (lengths[axis] == 0)
            {
                return 0;
            }

            extent += (lengths[axis] - 1L) * strides[axis];
        }

        return extent;
    }

    internal static void Disjoint(float* factor, long factorLength, float* destination, long destinationLength, string name)
    {
        if (factorLength > 0 && destinationLength > 0 && factor < destination + destinationLength && destination < factor + factorLength)
        {
            Throw.Argument(name, $"'{name}' overlaps 'destination' in memory; the product cannot be written over its factors.");
        }
    }

    /// <summary>
    /// Refuses axes whose elements could share a place. Going through the axes from small strides to large, each stride must
    /// reach beyond all that the smaller ones span.
    /// </summary>
    internal static void Apart(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides, string name)
    {
        if (Extent(lengths, strides) == 0)
        {
            return;
        }

        nint reached = -1;
        long span = 0;
        for (int round = 0; round < lengths.Length; round++)
        {
            int next = -1;
            for (int axis = 0; axis < lengths.Length; axis++)
            {
                bool comesAfter = lengths[axis] > 1 && strides[axis] > reached;
                if (comesAfter && (next < 0 || strides[axis] < strides[next]))
                {
                    next = axis;
                }
            }

            if (next < 0)
            {
                break;
            }

            int equal = 0;
            for (int axis = 0; axis < lengths.Length; axis++)
            {
                equal += lengths[axis] > 1 && strides[axis] == strides[next] ? 1 : 0;
            }

            if (equal > 1 || strides[next] <= span)
            {
                Throw.Argument(
                    name, $"'{name}' has shape {Guard.Text(lengths)} and strides {Guard.Text(strides)}; its elements must not overlap.");
            }

            reached = strides[next];
            span += (lengths[next] - 1L) * strides[next];
        }
    }

    private static void Rank(ReadOnlySpan<nint> lengths, string name)
    {
        if (lengths.Length < 2)
        {
            Throw.Argument(name, $"'{name}' has {lengths.Length} axes; a matrix has 2, a batch of them more.");
        }
    }

    private static nint ProductLength(ReadOnlySpan<nint> left, ReadOnlySpan<nint> right, int fromEnd) => fromEnd switch
    {
        1 => right[^1],
        2 => left[^2],
        _ => LengthOrOne(left, fromEnd) == 1 ? LengthOrOne(right, fromEnd) : LengthOrOne(left, fromEnd),
    };

    private static nint LengthOrOne(ReadOnlySpan<nint> lengths, int fromEnd) =>
        fromEnd <= lengths.Length ? lengths[^fromEnd] : 1;
}
