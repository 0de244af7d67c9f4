using Attention.Execution;
using Attention.Gemm;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// A piece of a recurrence: up to <see cref="RecurrentRows.Most"/> sequences through all their steps. In each step the states of those
/// still running, one matrix, are multiplied by the weight, and the cell does the rest row by row.
/// </summary>
internal readonly unsafe struct RecurrentForward<TSimd, TVector, TCell>(RecurrentProblem problem, float* weight, nint weightStep, nint weightColumn, int threads)
    : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TCell : struct, IRecurrentCell
{
    public void Invoke(int index)
    {
        RecurrentRows rows = new(problem, index * RecurrentRows.Most);
        int size = problem.Size;
        using Scratch.Rental rental = Scratch.Rent((nint)rows.Count * size * (TCell.Parts + 2));
        float* parts = rental.Memory;
        float* hidden = parts + (nint)rows.Count * TCell.Parts * size;
        float* cell = hidden + (nint)rows.Count * size;
        for (int row = 0; row < rows.Count; row++)
        {
            Copy(problem.InitialState, rows.Batch(row), hidden + row * size);
            Copy(problem.InitialCell, rows.Batch(row), cell + row * size);
        }

        for (int step = 0; step < rows.Steps; step++)
        {
            Step(rows, step, parts, hidden, cell);
        }

        for (int row = 0; row < rows.Count; row++)
        {
            int batch = rows.Batch(row);
            Store(hidden + row * size, problem.FinalState, batch);
            Store(cell + row * size, problem.FinalCell, batch);
            for (int position = rows.Length(row); position < problem.Length && problem.Output.IsPresent; position++)
            {
                new Span<float>(problem.Output.At(batch, 0, position), size).Clear();
            }
        }
    }

    private void Step(in RecurrentRows rows, int step, float* parts, float* hidden, float* cell)
    {
        nint size = problem.Size;
        nint partsStride = TCell.Parts * size;
        int running = rows.Running(step);
        Multiply(running, hidden, size, parts, 0, TCell.DirectGates);
        if (TCell.DirectGates < TCell.Gates)
        {
            for (int row = 0; row < running; row++)
            {
                TCell.Reset<TSimd, TVector>(At(rows, row, step, parts, hidden, cell));
            }

            Multiply(running, parts + (TCell.Parts - 1) * size, partsStride, parts, TCell.DirectGates, TCell.Gates);
        }

        for (int row = 0; row < running; row++)
        {
            TCell.Update<TSimd, TVector>(At(rows, row, step, parts, hidden, cell));
            int batch = rows.Batch(row);
            int position = problem.Position(step, rows.Length(row));
            if (problem.Output.IsPresent)
            {
                new Span<float>(hidden + row * size, (int)size).CopyTo(new Span<float>(problem.Output.At(batch, 0, position), (int)size));
            }

            if (problem.Trace.IsPresent)
            {
                new Span<float>(parts + row * partsStride, (int)partsStride)
                    .CopyTo(new Span<float>(problem.Trace.At(batch, 0, position), (int)partsStride));
            }
        }
    }

    private CellStep At(in RecurrentRows rows, int row, int step, float* parts, float* hidden, float* cell) => new()
    {
        Size = problem.Size,
        Input = problem.InputGates.At(rows.Batch(row), 0, problem.Position(step, rows.Length(row))),
        Parts = parts + (nint)row * TCell.Parts * problem.Size,
        Hidden = hidden + (nint)row * problem.Size,
        Cell = cell + (nint)row * problem.Size,
    };

    /// <summary>The products of some gates, with the bias, into their parts.</summary>
    private void Multiply(int rows, float* left, nint leftStride, float* parts, int firstGate, int endGate)
    {
        nint size = problem.Size;
        nint first = firstGate * size;
        GemmProblem product = new()
        {
            Rows = rows,
            Columns = (endGate - firstGate) * size,
            Depth = size,
            Left = left,
            LeftRow = leftStride,
            LeftColumn = 1,
            Right = weight + first * weightColumn,
            RightRow = weightStep,
            RightColumn = weightColumn,
            Destination = parts + first,
            DestinationRow = TCell.Parts * size,
            DestinationColumn = 1,
            Start = problem.Bias == null ? null : problem.Bias + first,
            StartColumn = 1,
            Alpha = 1,
        };
        GemmKernel.Multiply<TSimd, TVector>(product, threads);
    }

    /// <summary>A row of a state that may be absent, which is zero.</summary>
    private void Copy(in Operand state, int batch, float* destination)
    {
        Span<float> row = new(destination, problem.Size);
        if (state.IsPresent)
        {
            new ReadOnlySpan<float>(state.At(batch, 0, 0), problem.Size).CopyTo(row);
        }
        else
        {
            row.Clear();
        }
    }

    private void Store(float* row, in Operand state, int batch)
    {
        if (state.IsPresent)
        {
            new ReadOnlySpan<float>(row, problem.Size).CopyTo(new Span<float>(state.At(batch, 0, 0), problem.Size));
        }
    }
}
