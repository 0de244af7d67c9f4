using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Attention;

/// <summary>Whether two tensors share memory.</summary>
internal static class Overlap
{
    /// <summary>
    /// Says whether an element of one may be an element of the other. Views that interleave, such as queries, keys and values
    /// of one packed projection, are told apart; where the strides are too irregular for that the answer is yes.
    /// </summary>
    internal static bool Between(in ReadOnlyTensorSpan<float> left, in ReadOnlyTensorSpan<float> right)
    {
        nint leftExtent = Extent(left);
        nint rightExtent = Extent(right);
        if (leftExtent == 0 || rightExtent == 0)
        {
            return false;
        }

        nint distance = Unsafe.ByteOffset(in left.GetPinnableReference(), in right.GetPinnableReference());
        return distance < leftExtent * sizeof(float) && -distance < rightExtent * sizeof(float)
            && (distance % sizeof(float) != 0 || !Interleave(left, right, distance / sizeof(float)));
    }

    /// <summary>
    /// Both tensors are runs of neighbouring elements that start at multiples of a period from their first ones: if the
    /// runs do not meet within one period, they meet nowhere.
    /// </summary>
    private static bool Interleave(in ReadOnlyTensorSpan<float> left, in ReadOnlyTensorSpan<float> right, nint distance)
    {
        nint leftRun = Run(left, out nint period);
        nint rightRun = Run(right, out nint rightPeriod);
        period = GreatestCommonDivisor(period, rightPeriod);
        if (period == 0)
        {
            return false;
        }

        nint offset = distance % period;
        offset += offset < 0 ? period : 0;
        return offset >= leftRun && offset + rightRun <= period;
    }

    /// <summary>
    /// The length of a tensor's runs of neighbouring elements, and the greatest common divisor of the strides between runs,
    /// 0 if there is one run only.
    /// </summary>
    private static nint Run(in ReadOnlyTensorSpan<float> tensor, out nint period)
    {
        // The axes that continue a run come in no certain order, so look again after each one found.
        nint run = 1;
        bool grown = true;
        while (grown)
        {
            grown = false;
            for (int axis = 0; axis < tensor.Rank; axis++)
            {
                if (tensor.Lengths[axis] > 1 && tensor.Strides[axis] == run)
                {
                    run *= tensor.Lengths[axis];
                    grown = true;
                }
            }
        }

        period = 0;
        for (int axis = 0; axis < tensor.Rank; axis++)
        {
            if (tensor.Lengths[axis] > 1 && tensor.Strides[axis] >= run)
            {
                period = GreatestCommonDivisor(period, tensor.Strides[axis]);
            }
        }

        return run;
    }

    private static nint GreatestCommonDivisor(nint left, nint right)
    {
        while (right != 0)
        {
            (left, right) = (right, left % right);
        }

        return left;
    }

    /// <summary>Whether both are the very same view: the same first element, shape and strides.</summary>
    internal static bool IsSame(in ReadOnlyTensorSpan<float> left, in ReadOnlyTensorSpan<float> right) =>
        Unsafe.AreSame(in left.GetPinnableReference(), in right.GetPinnableReference())
        && left.Lengths.SequenceEqual(right.Lengths) && left.Strides.SequenceEqual(right.Strides);

    /// <summary>Elements from the first to one past the last; 0 for an empty or absent tensor.</summary>
    private static nint Extent(in ReadOnlyTensorSpan<float> tensor)
    {
        if (tensor.Rank == 0 || tensor.FlattenedLength == 0)
        {
            return 0;
        }

        nint extent = 1;
        for (int axis = 0; axis < tensor.Rank; axis++)
        {
            extent += (tensor.Lengths[axis] - 1) * tensor.Strides[axis];
        }

        return extent;
    }
}
