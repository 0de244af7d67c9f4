using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>One chunk of the elements that go into the sums of one panel, added into scratch memory.</summary>
internal readonly unsafe struct SumPieces<TSimd, TVector>(in SumPlan plan) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Rows that are added at once: one sum is then read and written for four numbers.</summary>
    private const int RowsAtOnce = 4;

    private readonly SumPlan _plan = plan;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        (int piece, int chunk) = Math.DivRem(index, _plan.Chunks);
        (nint row, nint rowEnd, nint column, nint columns) = _plan.Cut.At(piece);
        nint first = chunk * _plan.Chunk;
        nint end = Math.Min(first + _plan.Chunk, _plan.Summed.Elements);
        while (row < rowEnd)
        {
            Panel panel = _plan.Kept.Locate(row, rowEnd - row, column, columns);
            for (nint panelRow = 0; panelRow < panel.Rows; panelRow++)
            {
                float* sums = _plan.Partial + chunk * _plan.Kept.Elements + (row + panelRow) * _plan.Kept.Columns + column;
                float* source = panel.Second.At(panelRow, 0);
                if (_plan.AlongRuns)
                {
                    Along(source, panel.Second.ColumnStride, columns, first, end, sums);
                }
                else
                {
                    Across(source, panel.Second.ColumnStride, columns, first, end, sums);
                }
            }

            row += panel.Rows;
        }
    }

    /// <summary>Each sum takes whole runs of neighbouring elements.</summary>
    private void Along(float* source, nint stride, nint count, nint first, nint end, float* sums)
    {
        nint step = _plan.Summed.LastStride(LoopAxes.Second);
        for (nint column = 0; column < count; column++)
        {
            float sum = 0f;
            for (nint next = first; next < end;)
            {
                nint length = Math.Min(_plan.Summed.Columns - next % _plan.Summed.Columns, end - next);
                float* run = source + column * stride + _plan.Summed.Offset(LoopAxes.Second, next);
                sum += step == 1 ? Reductions.Sum<TSimd, TVector>(run, length) : Strided(run, step, length);
                next += length;
            }

            sums[column] = sum;
        }
    }

    /// <summary>Neighbouring sums take neighbouring elements, row after row.</summary>
    private void Across(float* source, nint stride, nint count, nint first, nint end, float* sums)
    {
        new Span<float>(sums, (int)count).Clear();
        for (nint next = first; next < end;)
        {
            nint rows = Math.Min(_plan.Summed.Columns - next % _plan.Summed.Columns, end - next);
            float* run = source + _plan.Summed.Offset(LoopAxes.Second, next);
            AddRows(run, _plan.Summed.LastStride(LoopAxes.Second), rows, stride, count, sums);
            next += rows;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Strided(float* source, nint stride, nint count)
    {
        float even = 0f;
        float odd = 0f;
        nint index = 0;
        for (; index <= count - 2; index += 2)
        {
            even += source[index * stride];
            odd += source[(index + 1) * stride];
        }

        return even + odd + (index < count ? source[index * stride] : 0f);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRows(float* source, nint rowStride, nint rows, nint stride, nint count, float* sums)
    {
        nint row = 0;
        for (; row <= rows - RowsAtOnce; row += RowsAtOnce, source += RowsAtOnce * rowStride)
        {
            float* second = source + rowStride;
            float* third = second + rowStride;
            float* fourth = third + rowStride;
            nint column = 0;
            for (; stride == 1 && column <= count - TSimd.Count; column += TSimd.Count)
            {
                TVector upper = TSimd.Add(TSimd.Load(source + column), TSimd.Load(second + column));
                TVector lower = TSimd.Add(TSimd.Load(third + column), TSimd.Load(fourth + column));
                TSimd.Store(TSimd.Add(TSimd.Load(sums + column), TSimd.Add(upper, lower)), sums + column);
            }

            for (; column < count; column++)
            {
                nint place = column * stride;
                sums[column] += source[place] + second[place] + (third[place] + fourth[place]);
            }
        }

        for (; row < rows; row++, source += rowStride)
        {
            nint column = 0;
            for (; stride == 1 && column <= count - TSimd.Count; column += TSimd.Count)
            {
                TSimd.Store(TSimd.Add(TSimd.Load(sums + column), TSimd.Load(source + column)), sums + column);
            }

            for (; column < count; column++)
            {
                sums[column] += source[column * stride];
            }
        }
    }
}
