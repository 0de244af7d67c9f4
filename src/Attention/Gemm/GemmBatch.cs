using System.Numerics.Tensors;

namespace Attention.Gemm;

/// <summary>The leading axes of a batched product: lengths, and strides per operand, zero where a factor is broadcast.</summary>
internal unsafe struct GemmBatch
{
    private const int Columns = 4;

    private readonly nint* _lengths;
    private readonly nint* _left;
    private readonly nint* _right;
    private readonly nint* _destination;
    private int _axes;

    /// <summary>Reads the axes, leaving out those of length one.</summary>
    /// <param name="memory">Room for <see cref="FloatsNeeded"/> floats.</param>
    /// <param name="left">The left factors.</param>
    /// <param name="right">The right factors.</param>
    /// <param name="destination">The products.</param>
    internal GemmBatch(
        float* memory, in ReadOnlyTensorSpan<float> left, in ReadOnlyTensorSpan<float> right, in TensorSpan<float> destination)
    {
        int room = destination.Rank;
        _lengths = (nint*)memory;
        _left = _lengths + room;
        _right = _left + room;
        _destination = _right + room;
        for (int axis = 0; axis < destination.Rank - 2; axis++)
        {
            nint length = destination.Lengths[axis];
            if (length == 1)
            {
                continue;
            }

            int fromEnd = destination.Rank - axis;
            _lengths[_axes] = length;
            _left[_axes] = Stride(left, fromEnd);
            _right[_axes] = Stride(right, fromEnd);
            _destination[_axes] = destination.Strides[axis];
            _axes++;
        }
    }

    /// <summary>How many products there are; the default value means one.</summary>
    internal readonly nint Count
    {
        get
        {
            nint count = 1;
            for (int axis = 0; axis < _axes; axis++)
            {
                count *= _lengths[axis];
            }

            return count;
        }
    }

    internal static nint FloatsNeeded(int rank) => rank * Columns * (sizeof(nint) / sizeof(float));

    /// <summary>
    /// Many left matrices that lie one below the other and share one right factor are one tall matrix: B is then packed
    /// once, and threads divide the whole.
    /// </summary>
    internal void FoldIntoRows(ref GemmProblem problem)
    {
        while (_axes > 0 && _right[_axes - 1] == 0 && problem.StartRow == 0)
        {
            nint length = _lengths[_axes - 1];
            nint left = _left[_axes - 1];
            nint destination = _destination[_axes - 1];
            if (problem.Rows == 1)
            {
                problem.LeftRow = left;
                problem.DestinationRow = destination;
            }
            else if (left != problem.Rows * problem.LeftRow || destination != problem.Rows * problem.DestinationRow)
            {
                return;
            }

            problem.Rows *= length;
            _axes--;
        }
    }

    /// <summary>Product number <paramref name="item"/> of those like <paramref name="problem"/>, the last axis running fastest.</summary>
    internal readonly GemmProblem At(in GemmProblem problem, nint item)
    {
        GemmProblem located = problem;
        for (int axis = _axes - 1; axis >= 0; axis--)
        {
            (item, nint index) = Math.DivRem(item, _lengths[axis]);
            located.Left += index * _left[axis];
            located.Right += index * _right[axis];
            located.Destination += index * _destination[axis];
        }

        return located;
    }

    private static nint Stride(in ReadOnlyTensorSpan<float> factor, int fromEnd)
    {
        int axis = factor.Rank - fromEnd;
        return axis < 0 || factor.Lengths[axis] == 1 ? 0 : factor.Strides[axis];
    }
}
