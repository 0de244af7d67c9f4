using System.Numerics.Tensors;

namespace Attention.Operators;

/// <summary>
/// The axes of a loop over the elements of up to four tensors: lengths, and strides per operand, zero where an operand is
/// broadcast. Seen from outside it is two-dimensional: the last axis is the columns, all others together are the rows.
/// </summary>
/// <remarks>
/// Arranging drops axes of one, may bring the rest into the order in which the first operand lies in memory, and makes one
/// axis of two that follow each other in the memory of every operand: a contiguous tensor becomes a single row.
/// </remarks>
internal unsafe struct LoopAxes
{
    internal const int First = 0;
    internal const int Second = 1;
    internal const int Third = 2;
    internal const int Fourth = 3;

    private const int Operands = 4;

    private readonly float** _addresses;
    private readonly LoopAxis* _axes;
    private int _count;

    /// <summary>Takes the lengths of a shape; no operand has a stride yet.</summary>
    /// <param name="memory">Room for <see cref="FloatsNeeded"/> floats.</param>
    /// <param name="lengths">The shape that all operands are broadcast to.</param>
    internal LoopAxes(float* memory, ReadOnlySpan<nint> lengths)
    {
        _addresses = (float**)memory;
        _axes = (LoopAxis*)(_addresses + Operands);
        for (int operand = 0; operand < Operands; operand++)
        {
            _addresses[operand] = null;
        }

        _count = lengths.Length;
        for (int axis = 0; axis < _count; axis++)
        {
            _axes[axis] = new LoopAxis { Length = lengths[axis] };
        }
    }

    /// <summary>The length of the last axis.</summary>
    internal readonly nint Columns => _count == 0 ? 1 : _axes[_count - 1].Length;

    /// <summary>The product of the other lengths.</summary>
    internal readonly nint Rows
    {
        get
        {
            nint rows = 1;
            for (int axis = 0; axis < _count - 1; axis++)
            {
                rows *= _axes[axis].Length;
            }

            return rows;
        }
    }

    /// <summary>How many elements there are.</summary>
    internal readonly nint Elements => Rows * Columns;

    /// <summary>Whether a source's columns lie apart while another of its axes is contiguous: it has to be transposed.</summary>
    internal bool IsTurned { get; private set; }

    /// <summary>Floats that hold <paramref name="rank"/> axes.</summary>
    internal static nint FloatsNeeded(int rank) => (Operands * sizeof(float*) + rank * sizeof(LoopAxis)) / sizeof(float);

    /// <summary>Adds a tensor, broadcast to the shape: along axes that it lacks or where it has length one, its stride is zero.</summary>
    internal readonly void Set(int operand, float* address, in ReadOnlyTensorSpan<float> tensor)
    {
        _addresses[operand] = address;
        int missing = _count - tensor.Rank;
        for (int axis = 0; axis < _count; axis++)
        {
            int own = axis - missing;
            Stride(axis, operand) = own < 0 || tensor.Lengths[own] == 1 ? 0 : tensor.Strides[own];
        }
    }

    /// <summary>Adds memory that holds the elements one after the other in the order of the axes as they are now.</summary>
    internal readonly void SetRowMajor(int operand, float* address)
    {
        _addresses[operand] = address;
        nint stride = 1;
        for (int axis = _count - 1; axis >= 0; axis--)
        {
            Stride(axis, operand) = stride;
            stride *= _axes[axis].Length;
        }
    }

    /// <summary>Keeps the axes along which <paramref name="operand"/> moves, or those along which it does not.</summary>
    internal void KeepWhere(int operand, bool moves)
    {
        int kept = 0;
        for (int axis = 0; axis < _count; axis++)
        {
            if ((Stride(axis, operand) != 0) == moves)
            {
                _axes[kept++] = _axes[axis];
            }
        }

        _count = kept;
    }

    /// <summary>Arranges the axes in the order of memory of <paramref name="leading"/>, for loops whose elements do not care.</summary>
    internal void ArrangeByMemory(int leading)
    {
        DropOnes(_count);
        Sort(leading);
        Merge(_count);
        Turn();
    }

    /// <summary>Arranges the axes but leaves them in their order.</summary>
    internal void ArrangeInOrder()
    {
        DropOnes(_count);
        Merge(_count);
    }

    /// <summary>Arranges all but the last axis, so that a row stays a row.</summary>
    internal void ArrangeRows()
    {
        DropOnes(_count - 1);
        Merge(_count - 1);
    }

    /// <summary>
    /// A part of the loop: from row <paramref name="row"/> and column <paramref name="column"/> on at most
    /// <paramref name="maxRows"/> rows, fewer where the last axis of the rows ends.
    /// </summary>
    internal readonly Panel Locate(nint row, nint maxRows, nint column, nint columns)
    {
        Panel panel = default;
        panel.Columns = columns;
        panel.Rows = 1;
        panel.First.Address = _addresses[First];
        panel.Second.Address = _addresses[Second];
        panel.Third.Address = _addresses[Third];
        panel.Fourth.Address = _addresses[Fourth];
        if (_count == 0)
        {
            return panel;
        }

        ref readonly LoopAxis inner = ref _axes[_count - 1];
        panel.First.ColumnStride = inner.First;
        panel.Second.ColumnStride = inner.Second;
        panel.Third.ColumnStride = inner.Third;
        panel.Fourth.ColumnStride = inner.Fourth;
        Advance(ref panel, inner, column);
        for (int axis = _count - 2; axis >= 0; axis--)
        {
            ref readonly LoopAxis outer = ref _axes[axis];
            (row, nint index) = Math.DivRem(row, outer.Length);
            if (axis == _count - 2)
            {
                panel.Rows = Math.Min(maxRows, outer.Length - index);
                panel.First.RowStride = outer.First;
                panel.Second.RowStride = outer.Second;
                panel.Third.RowStride = outer.Third;
                panel.Fourth.RowStride = outer.Fourth;
            }

            Advance(ref panel, outer, index);
        }

        return panel;
    }

    /// <summary>How far an operand moves from column to column; the largest number if there are no axes.</summary>
    internal readonly nint LastStride(int operand) => _count == 0 ? nint.MaxValue : Stride(_count - 1, operand);

    /// <summary>Where an operand's element lies, counted from its first, by its number in the order of the axes.</summary>
    internal readonly nint Offset(int operand, nint element)
    {
        nint offset = 0;
        for (int axis = _count - 1; axis >= 0; axis--)
        {
            (element, nint index) = Math.DivRem(element, _axes[axis].Length);
            offset += index * Stride(axis, operand);
        }

        return offset;
    }

    private static void Advance(ref Panel panel, in LoopAxis axis, nint steps)
    {
        panel.First.Address += steps * axis.First;
        panel.Second.Address += steps * axis.Second;
        panel.Third.Address += steps * axis.Third;
        panel.Fourth.Address += steps * axis.Fourth;
    }

    private readonly ref nint Stride(int axis, int operand) => ref (&_axes[axis].First)[operand];

    private void DropOnes(int end)
    {
        int kept = 0;
        for (int axis = 0; axis < _count; axis++)
        {
            if (axis >= end || _axes[axis].Length != 1)
            {
                _axes[kept++] = _axes[axis];
            }
        }

        _count = kept;
    }

    /// <summary>Large strides first; there are few axes, so they are inserted one by one.</summary>
    private readonly void Sort(int leading)
    {
        for (int sorted = 1; sorted < _count; sorted++)
        {
            for (int axis = sorted; axis > 0 && Stride(axis, leading) > Stride(axis - 1, leading); axis--)
            {
                (_axes[axis], _axes[axis - 1]) = (_axes[axis - 1], _axes[axis]);
            }
        }
    }

    private void Merge(int end)
    {
        int last = 0;
        for (int axis = 1; axis < end; axis++)
        {
            if (_axes[last].Continues(_axes[axis]))
            {
                _axes[axis].Length *= _axes[last].Length;
            }
            else
            {
                last++;
            }

            _axes[last] = _axes[axis];
        }

        int merged = Math.Min(last + 1, end);
        for (int axis = end; axis < _count; axis++)
        {
            _axes[merged++] = _axes[axis];
        }

        _count = Math.Min(merged, _count);
    }

    /// <summary>
    /// Where a source moves along the columns in strides, brings the axis along which it is contiguous next to them: a
    /// panel then holds whole cache lines of it.
    /// </summary>
    private void Turn()
    {
        for (int operand = Second; operand < Operands && _count > 1; operand++)
        {
            for (int axis = 0; axis < _count - 1 && Stride(_count - 1, operand) > 1; axis++)
            {
                if (Stride(axis, operand) == 1)
                {
                    (_axes[axis], _axes[_count - 2]) = (_axes[_count - 2], _axes[axis]);
                    IsTurned = true;
                    return;
                }
            }
        }
    }
}
