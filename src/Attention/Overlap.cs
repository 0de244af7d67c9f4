using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Attention;

/// <summary>Whether two tensors share memory.</summary>
internal static class Overlap
{
    /// <summary>
    /// Compares the spans of memory from the first element to the last: two views that interleave without sharing an
    /// element count as overlapping too.
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
        return distance < leftExtent * sizeof(float) && -distance < rightExtent * sizeof(float);
    }

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
