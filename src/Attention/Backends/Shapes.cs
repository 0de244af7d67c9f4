namespace Attention.Backends;

/// <summary>What can be said about lengths and strides alone.</summary>
internal static class Shapes
{
    internal static nint Count(ReadOnlySpan<nint> lengths)
    {
        nint count = 1;
        foreach (nint length in lengths)
        {
            count = checked(count * length);
        }

        return count;
    }

    internal static string Text(ReadOnlySpan<nint> lengths) => $"[{string.Join(", ", lengths.ToArray())}]";

    internal static int Axis(int axis, int rank, string name) =>
        axis >= -rank && axis < rank
            ? (axis + rank) % rank
            : throw new ArgumentOutOfRangeException(name, axis, $"A tensor of rank {rank} has no axis {axis}.");

    /// <remarks>Tensor spans refuse another stride than 0 along an axis of length 0 or 1.</remarks>
    internal static nint[] ContiguousStrides(ReadOnlySpan<nint> lengths)
    {
        nint[] strides = new nint[lengths.Length];
        nint stride = 1;
        for (int axis = lengths.Length - 1; axis >= 0; axis--)
        {
            strides[axis] = lengths[axis] <= 1 ? 0 : stride;
            stride *= lengths[axis];
        }

        return strides;
    }

    /// <summary>Strides without gaps in which the axes lie in the same order as in <paramref name="strides"/>.</summary>
    internal static nint[] DenseStrides(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides)
    {
        nint[] keys = strides.ToArray();
        int[] axes = [.. Enumerable.Range(0, keys.Length).OrderBy(axis => keys[axis])];
        nint[] dense = new nint[keys.Length];
        nint stride = 1;
        foreach (int axis in axes)
        {
            if (lengths[axis] != 1)
            {
                dense[axis] = stride;
                stride *= lengths[axis];
            }
        }

        return dense;
    }

    internal static bool IsContiguous(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides)
    {
        nint expected = 1;
        for (int axis = lengths.Length - 1; axis >= 0; axis--)
        {
            if (lengths[axis] != 1 && strides[axis] != expected)
            {
                return false;
            }

            expected *= lengths[axis];
        }

        return true;
    }

    /// <summary>Finds the length that was given as -1 and checks the count.</summary>
    internal static nint[] Resolve(ReadOnlySpan<nint> lengths, nint count)
    {
        nint[] resolved = lengths.ToArray();
        int open = resolved.IndexOf(-1);
        nint known = 1;
        for (int axis = 0; axis < resolved.Length; axis++)
        {
            known *= axis == open ? 1 : resolved[axis];
        }

        if (open >= 0 && known != 0 && count % known == 0)
        {
            resolved[open] = count / known;
            known = count;
        }

        return known == count && (open < 0 || resolved[open] >= 0) && resolved.AsSpan().IndexOfAnyInRange(nint.MinValue, -1) < 0
            ? resolved
            : throw new ArgumentException($"A tensor of {count} numbers cannot have the shape {Text(lengths)}.", nameof(lengths));
    }

    /// <summary>
    /// Strides for the same numbers in another shape, if there are any: both shapes are cut into runs of equal count, and
    /// within a run the old axes must lie as if they were one.
    /// </summary>
    internal static bool TryReshape(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides, nint[] target, out nint[] result)
    {
        result = ContiguousStrides(target);
        nint count = Count(target);
        if (count <= 1 || IsContiguous(lengths, strides))
        {
            return true;
        }

        int old = 0;
        int next = 0;
        while (old < lengths.Length || next < target.Length)
        {
            int oldStart = old;
            int nextStart = next;
            nint oldCount = old < lengths.Length ? lengths[old++] : 1;
            nint nextCount = next < target.Length ? target[next++] : 1;
            while (oldCount != nextCount)
            {
                if (oldCount < nextCount)
                {
                    oldCount *= lengths[old++];
                }
                else
                {
                    nextCount *= target[next++];
                }
            }

            if (!TryRun(lengths[oldStart..old], strides[oldStart..old], target.AsSpan(nextStart, next - nextStart), result.AsSpan(nextStart)))
            {
                return false;
            }
        }

        return true;
    }

    private static bool TryRun(ReadOnlySpan<nint> lengths, ReadOnlySpan<nint> strides, ReadOnlySpan<nint> target, Span<nint> result)
    {
        nint stride = 0;
        nint expected = -1;
        for (int axis = lengths.Length - 1; axis >= 0; axis--)
        {
            if (lengths[axis] == 1)
            {
                continue;
            }

            if (expected < 0)
            {
                stride = strides[axis];
            }
            else if (strides[axis] != expected)
            {
                return false;
            }

            expected = strides[axis] * lengths[axis];
        }

        for (int axis = target.Length - 1; axis >= 0; axis--)
        {
            result[axis] = target[axis] == 1 ? 0 : stride;
            stride *= target[axis];
        }

        return true;
    }
}
