using Attention.Execution;
using Attention.Gemm;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The way back through a piece of a recurrence: the sequences of a piece from their last steps to their first. What the gradient of
/// the weight needs is put down for one product over all positions.
/// </summary>
internal readonly unsafe struct RecurrentBackward<TSimd, TVector, TCell>(RecurrentGradientProblem problem, int threads) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TCell : struct, IRecurrentCell
{
    /// <summary>Rows of scratch for each sequence beside its gates: the gradients of state, memory cell and reset state.</summary>
    private const int States = 3;

    private readonly RecurrentProblem _forward = problem.Forward;

    public void Invoke(int index)
    {
        int first = index * RecurrentRows.Most;
        RecurrentRows rows = new(_forward, first);
        nint size = _forward.Size;
        using Scratch.Rental rental = Scratch.Rent(rows.Count * size * (TCell.Gates + States) + size);
        CellGradient memory = new() { Size = size, Gates = rental.Memory, Hidden = rental.Memory + rows.Count * TCell.Gates * size };
        memory.Cell = memory.Hidden + rows.Count * size;
        memory.Reset = memory.Cell + rows.Count * size;

        // What stands for a first state that is absent.
        memory.Previous = memory.Reset + rows.Count * size;
        new Span<float>(memory.Previous, (int)size).Clear();
        for (int row = 0; row < rows.Count; row++)
        {
            Copy(problem.FinalStateGradient, rows.Batch(row), memory.Hidden + row * size);
            Copy(problem.FinalCellGradient, rows.Batch(row), memory.Cell + row * size);
        }

        for (int step = rows.Steps - 1; step >= 0; step--)
        {
            Step(rows, step, memory);
        }

        for (int row = 0; row < rows.Count; row++)
        {
            int batch = rows.Batch(row);
            Store(memory.Hidden + row * size, problem.InitialStateGradient, batch);
            Store(memory.Cell + row * size, problem.InitialCellGradient, batch);
            for (int position = rows.Length(row); position < _forward.Length && problem.InputGatesGradient.IsPresent; position++)
            {
                new Span<float>(problem.InputGatesGradient.At(batch, 0, position), TCell.Gates * (int)size).Clear();
            }
        }
    }

    private void Step(in RecurrentRows rows, int step, in CellGradient memory)
    {
        nint size = _forward.Size;
        int running = rows.Running(step);
        for (int row = 0; row < running; row++)
        {
            CellGradient at = At(rows, row, step, memory);
            if (problem.OutputGradient.IsPresent)
            {
                float* added = problem.OutputGradient.At(rows.Batch(row), 0, _forward.Position(step, rows.Length(row)));
                RowOperations.Add<TSimd, TVector>(added, at.Hidden, size);
            }

            TCell.Gradient<TSimd, TVector>(at);
        }

        if (TCell.DirectGates < TCell.Gates)
        {
            Multiply(running, memory.Gates, TCell.DirectGates, TCell.Gates, memory.Reset, beta: 0);
            for (int row = 0; row < running; row++)
            {
                TCell.ResetGradient<TSimd, TVector>(At(rows, row, step, memory));
            }
        }

        Multiply(running, memory.Gates, 0, TCell.DirectGates, memory.Hidden, beta: 1);
        for (int row = 0; row < running && problem.Gates != null; row++)
        {
            PutDown(rows, row, step, At(rows, row, step, memory));
        }
    }

    private CellGradient At(in RecurrentRows rows, int row, int step, in CellGradient memory)
    {
        nint size = _forward.Size;
        int batch = rows.Batch(row);
        int length = rows.Length(row);
        int position = _forward.Position(step, length);
        CellGradient at = new()
        {
            Size = size,
            Parts = _forward.Trace.At(batch, 0, position),
            Hidden = memory.Hidden + row * size,
            Cell = memory.Cell + row * size,
            Reset = memory.Reset + row * size,
            Gates = memory.Gates + row * TCell.Gates * size,
            Input = problem.InputGatesGradient.IsPresent ? problem.InputGatesGradient.At(batch, 0, position) : null,
        };
        if (step == 0)
        {
            at.Previous = _forward.InitialState.IsPresent ? _forward.InitialState.At(batch, 0, 0) : memory.Previous;
            at.PreviousCell = _forward.InitialCell.IsPresent ? _forward.InitialCell.At(batch, 0, 0) : memory.Previous;
        }
        else
        {
            int before = _forward.Position(step - 1, length);
            at.Previous = _forward.Output.At(batch, 0, before);
            at.PreviousCell = _forward.Trace.At(batch, 0, before) + (TCell.Parts - 1) * size;
        }

        return at;
    }

    /// <summary>Some gates' gradients times their rows of the weight: the gradient of what they were multiplied with.</summary>
    private void Multiply(int rows, float* gates, int firstGate, int endGate, float* destination, float beta)
    {
        nint size = _forward.Size;
        GemmProblem product = new()
        {
            Rows = rows,
            Columns = size,
            Depth = (endGate - firstGate) * size,
            Left = gates + firstGate * size,
            LeftRow = TCell.Gates * size,
            LeftColumn = 1,
            Right = _forward.Weight.Address + firstGate * size * _forward.Weight.RowStride,
            RightRow = _forward.Weight.RowStride,
            RightColumn = 1,
            Destination = destination,
            DestinationRow = size,
            DestinationColumn = 1,
            Alpha = 1,
            Beta = beta,
        };
        GemmKernel.Multiply<TSimd, TVector>(product, threads);
    }

    /// <summary>Copies what the gradient of the weight is made of to the row of this position.</summary>
    private void PutDown(in RecurrentRows rows, int row, int step, in CellGradient at)
    {
        int size = _forward.Size;
        nint place = rows.Start(row) + _forward.Position(step, rows.Length(row));
        int gates = TCell.Gates * size;
        new ReadOnlySpan<float>(at.Gates, gates).CopyTo(new Span<float>(problem.Gates + place * gates, gates));
        new ReadOnlySpan<float>(at.Previous, size).CopyTo(new Span<float>(problem.Previous + place * size, size));
        if (TCell.DirectGates < TCell.Gates)
        {
            new ReadOnlySpan<float>(at.Parts + (TCell.Parts - 1) * size, size).CopyTo(new Span<float>(problem.Reset + place * size, size));
        }
    }

    /// <summary>A row of a gradient that may be absent, which is zero.</summary>
    private void Copy(in Operand gradient, int batch, float* destination)
    {
        Span<float> row = new(destination, _forward.Size);
        if (gradient.IsPresent)
        {
            new ReadOnlySpan<float>(gradient.At(batch, 0, 0), _forward.Size).CopyTo(row);
        }
        else
        {
            row.Clear();
        }
    }

    private void Store(float* row, in Operand gradient, int batch)
    {
        if (gradient.IsPresent)
        {
            new ReadOnlySpan<float>(row, _forward.Size).CopyTo(new Span<float>(gradient.At(batch, 0, 0), _forward.Size));
        }
    }
}
