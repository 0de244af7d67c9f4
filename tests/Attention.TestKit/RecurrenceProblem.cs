using System.Numerics;
using Attention.Mechanisms;

namespace Attention.TestKit;

/// <summary>A recurrence with the gradients that come into it; arrays are row-major, null ones absent.</summary>
public sealed record RecurrenceProblem<T>(RecurrentCell Cell, int Batch, int Length, int Size)
    where T : unmanaged, IFloatingPointIeee754<T>
{
    public bool IsReversed { get; init; }

    public int[]? Lengths { get; init; }

    public required T[] InputGates { get; init; }

    public required T[] Weight { get; init; }

    public T[]? Bias { get; init; }

    public T[]? InitialState { get; init; }

    public T[]? InitialCell { get; init; }

    public T[]? OutputGradient { get; init; }

    public T[]? FinalStateGradient { get; init; }

    public T[]? FinalCellGradient { get; init; }

    public int Gates => GatedRecurrence.Gates(Cell);

    public int LengthOf(int batch) => Lengths?[batch] ?? Length;

    /// <summary>The same in another precision.</summary>
    public RecurrenceProblem<TOther> To<TOther>()
        where TOther : unmanaged, IFloatingPointIeee754<TOther>
    {
        return new RecurrenceProblem<TOther>(Cell, Batch, Length, Size)
        {
            IsReversed = IsReversed,
            Lengths = Lengths,
            InputGates = Convert(InputGates)!,
            Weight = Convert(Weight)!,
            Bias = Convert(Bias),
            InitialState = Convert(InitialState),
            InitialCell = Convert(InitialCell),
            OutputGradient = Convert(OutputGradient),
            FinalStateGradient = Convert(FinalStateGradient),
            FinalCellGradient = Convert(FinalCellGradient),
        };

        static TOther[]? Convert(T[]? numbers) =>
            numbers is null ? null : Array.ConvertAll(numbers, static number => TOther.CreateChecked(number));
    }
}
