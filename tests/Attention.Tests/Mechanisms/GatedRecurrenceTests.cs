using Attention.Mechanisms;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Recurrences against plain loops in double.</summary>
public class GatedRecurrenceTests
{
    public static IEnumerable<object[]> CellsAndWidths =>
        from cell in RecurrenceProblems.Cells
        from width in SimdWidths.All
        select new object[] { cell, width };

    public static TheoryData<RecurrentCell> Cells => [.. RecurrenceProblems.Cells];

    [Theory]
    [MemberData(nameof(CellsAndWidths))]
    public void Everything_IsTheReference(RecurrentCell cell, SimdWidth width)
    {
        RecurrenceOptions options = new() { Width = width };
        foreach ((int batch, int length, int size) in ((int, int, int)[])
            [(1, 1, 1), (2, 3, 1), (3, 1, 5), (1, 7, 4), (2, 4, 7), (5, 3, 8), (13, 2, 9), (3, 5, 15), (2, 3, 16), (4, 2, 17), (1, 9, 31), (25, 3, 33)])
        {
            RecurrenceProblems.Check(RecurrenceProblems.Random(cell, batch, length, size), guarded: true, options);
            RecurrenceProblems.Check(RecurrenceProblems.Random(cell, batch, length, size) with { IsReversed = true }, guarded: true, options);
        }
    }

    [Theory]
    [MemberData(nameof(CellsAndWidths))]
    public void ShorterSequences_AreTheReference(RecurrentCell cell, SimdWidth width)
    {
        RecurrenceOptions options = new() { Width = width };
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 15, 6, 10) with
        {
            Lengths = [3, 6, 0, 1, 6, 5, 2, 2, 4, 0, 1, 6, 3, 5, 4],
        };

        RecurrenceProblems.Check(problem, guarded: true, options);
        RecurrenceProblems.Check(problem with { IsReversed = true }, guarded: true, options);
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void WhatIsAbsent_IsZero(RecurrentCell cell)
    {
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 3, 4, 9);

        RecurrenceProblems.Check(problem with { Bias = null });
        RecurrenceProblems.Check(problem with { InitialState = null });
        RecurrenceProblems.Check(problem with { InitialCell = null });
        RecurrenceProblems.Check(problem with { OutputGradient = null });
        RecurrenceProblems.Check(problem with { FinalStateGradient = null, FinalCellGradient = null });
    }

    [Theory]
    [InlineData(RecurrentCell.GruResetAfter, 40)]
    [InlineData(RecurrentCell.GruResetBefore, 40)]
    [InlineData(RecurrentCell.Lstm, 40)]
    public void LongSequences_AreTheReference(RecurrentCell cell, int length)
    {
        RecurrenceProblems.Check(RecurrenceProblems.Random(cell, 2, length, 20));
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void TheReference_HasTheGradientsOfDifferences(RecurrentCell cell)
    {
        RecurrenceProblem<double> problem = (RecurrenceProblems.Random(cell, 3, 4, 3) with { Lengths = [4, 2, 0], IsReversed = true }).To<double>();
        RecurrenceLoops<double> gradients = RecurrenceLoops<double>.Run(problem);

        Check("input gates", problem.InputGates, gradients.InputGates);
        Check("weight", problem.Weight, gradients.Weight);
        Check("bias", problem.Bias!, gradients.Bias);
        Check("initial state", problem.InitialState!, gradients.InitialState);
        Check("initial cell", problem.InitialCell ?? [], problem.InitialCell is null ? [] : gradients.InitialCell);

        void Check(string name, double[] input, double[] gradient) =>
            Tolerance.Differences(name, gradient, FiniteDifferences.Gradient(input, Loss));

        double Loss()
        {
            RecurrenceLoops<double> moved = RecurrenceLoops<double>.Run(problem);
            return Sum(moved.Output, problem.OutputGradient) + Sum(moved.FinalState, problem.FinalStateGradient)
                + Sum(moved.FinalCell, problem.FinalCellGradient);
        }

        static double Sum(double[] numbers, double[]? factors) =>
            factors is null ? 0 : numbers.Zip(factors, (left, right) => left * right).Sum();
    }

    /// <summary>With weights of 0 the gates are those of the input alone, and the formulas can be written down.</summary>
    [Fact]
    public void Cells_AreTheirFormulas()
    {
        const double Old = 0.7;
        const double Cell = -0.4;
        double[] x = [0.3, -1.1, 0.8, 0.5];
        double[] gate = [.. x.Select(number => 1 / (1 + Math.Exp(-number)))];
        double fresh = Math.Tanh(x[2]);
        double cell = (gate[1] * Cell) + (gate[0] * fresh);

        Golden(RecurrentCell.GruResetAfter, ((1 - gate[1]) * fresh) + (gate[1] * Old));
        Golden(RecurrentCell.GruResetBefore, (gate[1] * fresh) + ((1 - gate[1]) * Old));
        Golden(RecurrentCell.Lstm, gate[3] * Math.Tanh(cell));

        void Golden(RecurrentCell kind, double expected)
        {
            bool hasCell = kind == RecurrentCell.Lstm;
            int gates = GatedRecurrence.Gates(kind);
            RecurrenceProblem<float> problem = new(kind, 1, 1, 1)
            {
                InputGates = [.. x.Take(gates).Select(number => (float)number)],
                Weight = new float[gates],
                InitialState = [(float)Old],
                InitialCell = hasCell ? [(float)Cell] : null,
            };
            using RecurrenceMemory memory = new(problem);
            memory.Forward();
            Tolerance.Golden($"{kind}", memory.FinalState.Gather(), [expected]);
        }
    }

    /// <summary>Where the reset gate works makes a difference only through the weight.</summary>
    [Fact]
    public void TheTwoConventions_Differ()
    {
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(RecurrentCell.GruResetAfter, 1, 3, 4);
        int size = problem.Size;

        // The update gate counts the other way round: with that undone, what remains is the place of the reset gate.
        float[] Turned(float[] numbers, int row) => [.. numbers.Select((x, i) => i / row % problem.Gates == 1 ? -x : x)];
        RecurrenceProblem<float> other = problem with
        {
            Cell = RecurrentCell.GruResetBefore,
            InputGates = Turned(problem.InputGates, size),
            Weight = Turned(problem.Weight, size * size),
            Bias = Turned(problem.Bias!, size),
        };
        Output(other).Should().NotEqual(Output(problem));

        RecurrenceProblem<float> Without(RecurrenceProblem<float> whole) => whole with
        {
            Weight = [.. whole.Weight.Select((x, i) => i / (size * size) == 2 ? 0 : x)],
            Bias = [.. whole.Bias!.Select((x, i) => i / size == 2 ? 0 : x)],
        };
        Tolerance.Reordered("without the third gate's weight", Output(Without(other)), Output(Without(problem)));

        static float[] Output(RecurrenceProblem<float> problem)
        {
            using RecurrenceMemory memory = new(problem);
            memory.Forward();
            return memory.Output.Gather();
        }
    }
}
