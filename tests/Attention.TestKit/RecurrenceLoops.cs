using System.Numerics;
using Attention.Mechanisms;

namespace Attention.TestKit;

/// <summary>Recurrences and their gradients as plain loops: in double the reference, in float the yardstick of accuracy.</summary>
public sealed class RecurrenceLoops<T>
    where T : unmanaged, IFloatingPointIeee754<T>
{
    private readonly RecurrenceProblem<T> _problem;
    private readonly Func<T, T> _round;
    private readonly int _size;

    private RecurrenceLoops(RecurrenceProblem<T> problem, Func<T, T> round)
    {
        (_problem, _round, _size) = (problem, round, problem.Size);
        int states = problem.Batch * _size;
        Output = new T[states * problem.Length];
        FinalState = new T[states];
        FinalCell = new T[states];
        InputGates = new T[problem.InputGates.Length];
        Weight = new T[problem.Weight.Length];
        Bias = new T[problem.Gates * _size];
        InitialState = new T[states];
        InitialCell = new T[states];
    }

    public T[] Output { get; }

    public T[] FinalState { get; }

    public T[] FinalCell { get; }

    /// <summary>The gradient of the input's gates, as the following are of theirs.</summary>
    public T[] InputGates { get; }

    public T[] Weight { get; }

    public T[] Bias { get; }

    public T[] InitialState { get; }

    public T[] InitialCell { get; }

    /// <summary>All results by name, in one order; the memory cells' where there are any.</summary>
    public IEnumerable<(string Name, T[] Numbers)> Results
    {
        get
        {
            yield return ("output", Output);
            yield return ("final state", FinalState);
            yield return ("input gates' gradient", InputGates);
            yield return ("weight's gradient", Weight);
            yield return ("bias's gradient", Bias);
            yield return ("initial state's gradient", InitialState);
            if (_problem.Cell == RecurrentCell.Lstm)
            {
                yield return ("final cell", FinalCell);
                yield return ("initial cell's gradient", InitialCell);
            }
        }
    }

    /// <summary>Runs everything; <paramref name="round"/> is applied to the result of every operation.</summary>
    public static RecurrenceLoops<T> Run(RecurrenceProblem<T> problem, Func<T, T>? round = null)
    {
        RecurrenceLoops<T> loops = new(problem, round ?? (static number => number));
        for (int batch = 0; batch < problem.Batch; batch++)
        {
            loops.RunSequence(batch);
        }

        return loops;
    }

    private void RunSequence(int batch)
    {
        int length = _problem.LengthOf(batch);
        int Position(int step) => (batch * _problem.Length) + (_problem.IsReversed ? length - 1 - step : step);
        T[] hidden = Row(_problem.InitialState, batch);
        T[] cell = Row(_problem.InitialCell, batch);
        var steps = new RecurrenceStep<T>[length];
        for (int step = 0; step < length; step++)
        {
            steps[step] = Forward(Position(step), hidden, cell);
            (hidden, cell) = (steps[step].Hidden, steps[step].Cell);
            hidden.CopyTo(Output, Position(step) * _size);
        }

        hidden.CopyTo(FinalState, batch * _size);
        cell.CopyTo(FinalCell, batch * _size);
        T[] hiddenGradient = Row(_problem.FinalStateGradient, batch);
        T[] cellGradient = Row(_problem.FinalCellGradient, batch);
        for (int step = length - 1; step >= 0; step--)
        {
            for (int i = 0; i < _size && _problem.OutputGradient is not null; i++)
            {
                hiddenGradient[i] = _round(hiddenGradient[i] + _problem.OutputGradient[(Position(step) * _size) + i]);
            }

            (hiddenGradient, cellGradient) = Backward(Position(step), steps[step], hiddenGradient, cellGradient);
        }

        hiddenGradient.CopyTo(InitialState, batch * _size);
        cellGradient.CopyTo(InitialCell, batch * _size);
    }

    private RecurrenceStep<T> Forward(int position, T[] hidden, T[] cell)
    {
        RecurrenceStep<T> step = new(_problem.Gates, _size) { Before = hidden, CellBefore = cell };
        for (int gate = 0; gate < _problem.Gates; gate++)
        {
            if (gate == 2 && _problem.Cell == RecurrentCell.GruResetBefore)
            {
                step.Reset = Each(i => step.Gates[0][i] * hidden[i]);
            }

            T[] left = gate == 2 ? step.Reset ?? hidden : hidden;
            for (int i = 0; i < _size; i++)
            {
                T product = Product((gate * _size) + i, left);
                T input = _problem.InputGates[(position * _problem.Gates * _size) + (gate * _size) + i];
                step.Products[gate][i] = product;
                bool isReset = gate == 2 && _problem.Cell == RecurrentCell.GruResetAfter;
                T sum = _round(input + (isReset ? _round(step.Gates[0][i] * product) : product));
                step.Gates[gate][i] = gate == 2 ? _round(T.Tanh(sum)) : _round(T.One / (T.One + T.Exp(-sum)));
            }
        }

        T[][] g = step.Gates;
        switch (_problem.Cell)
        {
            case RecurrentCell.GruResetAfter:
                step.Hidden = Each(i => _round((T.One - g[1][i]) * g[2][i]) + _round(g[1][i] * hidden[i]));
                break;
            case RecurrentCell.GruResetBefore:
                step.Hidden = Each(i => _round(g[1][i] * g[2][i]) + _round((T.One - g[1][i]) * hidden[i]));
                break;
            default:
                step.Cell = Each(i => _round(g[1][i] * cell[i]) + _round(g[0][i] * g[2][i]));
                step.Hidden = Each(i => g[3][i] * T.Tanh(step.Cell[i]));
                break;
        }

        return step;
    }

    private (T[] Hidden, T[] Cell) Backward(int position, RecurrenceStep<T> step, T[] hidden, T[] cell)
    {
        T[][] g = step.Gates;
        var sums = new T[_problem.Gates][]; // gradients of what the functions of the gates are given
        T[] before = new T[_size];
        T[] cellBefore = cell;
        switch (_problem.Cell)
        {
            case RecurrentCell.GruResetAfter:
                sums[2] = Each(i => hidden[i] * (T.One - g[1][i]) * (T.One - (g[2][i] * g[2][i])));
                sums[1] = Each(i => hidden[i] * (step.Before[i] - g[2][i]) * Slope(g[1][i]));
                sums[0] = Each(i => sums[2][i] * step.Products[2][i] * Slope(g[0][i]));
                before = Each(i => hidden[i] * g[1][i]);
                break;
            case RecurrentCell.GruResetBefore:
                sums[2] = Each(i => hidden[i] * g[1][i] * (T.One - (g[2][i] * g[2][i])));
                sums[1] = Each(i => hidden[i] * (g[2][i] - step.Before[i]) * Slope(g[1][i]));
                T[] reset = new T[_size];
                AddBack(2, sums[2], reset);
                sums[0] = Each(i => reset[i] * step.Before[i] * Slope(g[0][i]));
                before = Each(i => _round(hidden[i] * (T.One - g[1][i])) + _round(reset[i] * g[0][i]));
                break;
            default:
                T[] through = Each(i => cell[i] + _round(hidden[i] * g[3][i] * (T.One - (T.Tanh(step.Cell[i]) * T.Tanh(step.Cell[i])))));
                sums[0] = Each(i => through[i] * g[2][i] * Slope(g[0][i]));
                sums[1] = Each(i => through[i] * step.CellBefore[i] * Slope(g[1][i]));
                sums[2] = Each(i => through[i] * g[0][i] * (T.One - (g[2][i] * g[2][i])));
                sums[3] = Each(i => hidden[i] * T.Tanh(step.Cell[i]) * Slope(g[3][i]));
                cellBefore = Each(i => through[i] * g[1][i]);
                break;
        }

        for (int gate = 0; gate < _problem.Gates; gate++)
        {
            sums[gate].CopyTo(InputGates, ((position * _problem.Gates) + gate) * _size);
            bool isReset = gate == 2 && _problem.Cell == RecurrentCell.GruResetAfter;
            T[] products = isReset ? Each(i => sums[2][i] * g[0][i]) : sums[gate];
            T[] left = gate == 2 ? step.Reset ?? step.Before : step.Before;
            for (int i = 0; i < _size; i++)
            {
                int row = (gate * _size) + i;
                Bias[row] = _round(Bias[row] + products[i]);
                for (int j = 0; j < _size; j++)
                {
                    Weight[(row * _size) + j] = _round(Weight[(row * _size) + j] + _round(products[i] * left[j]));
                }
            }

            if (left == step.Before)
            {
                AddBack(gate, products, before);
            }
        }

        return (before, cellBefore);
    }

    /// <summary>A gate's gradient through its rows of the weight.</summary>
    private void AddBack(int gate, T[] products, T[] destination)
    {
        for (int i = 0; i < _size; i++)
        {
            for (int j = 0; j < _size; j++)
            {
                destination[j] = _round(destination[j] + _round(products[i] * _problem.Weight[(((gate * _size) + i) * _size) + j]));
            }
        }
    }

    private T Product(int row, T[] left)
    {
        T sum = _problem.Bias?[row] ?? T.Zero;
        for (int j = 0; j < _size; j++)
        {
            sum = _round(sum + _round(_problem.Weight[(row * _size) + j] * left[j]));
        }

        return sum;
    }

    private T Slope(T logistic) => _round(logistic * (T.One - logistic));

    private T[] Each(Func<int, T> function) => [.. Enumerable.Range(0, _size).Select(i => _round(function(i)))];

    private T[] Row(T[]? states, int batch) =>
        states is null ? new T[_size] : states.AsSpan(batch * _size, _size).ToArray();
}
