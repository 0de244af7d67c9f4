using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Recurrences of nothing, in views with gaps, of sequences of all lengths and of very large numbers.</summary>
public class GatedRecurrenceEdgeTests
{
    public static TheoryData<RecurrentCell> Cells => [.. RecurrenceProblems.Cells];

    public static IEnumerable<object[]> CellsAndWidths =>
        from cell in RecurrenceProblems.Cells
        from width in SimdWidths.All
        select new object[] { cell, width };

    /// <summary>Without sequences, or without positions, the gradients of weight and bias are zeros, not what stood there.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void Nothing_HasNoGradient(RecurrentCell cell)
    {
        foreach ((int batch, int length, int[]? lengths) in ((int, int, int[]?)[])[(0, 3, null), (2, 0, null), (2, 3, [0, 0]), (0, 0, null)])
        {
            RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, batch, length, 5) with { Lengths = lengths };
            using RecurrenceMemory memory = new(problem, guarded: true);
            memory.Run();

            memory.WeightGradient.Gather().Should().NotContain(x => x != 0);
            memory.BiasGradient.Gather().Should().NotContain(x => x != 0);
            memory.Output.Gather().Should().NotContain(x => x != 0);
            memory.InputGatesGradient.Gather().Should().NotContain(x => x != 0);
            Tolerance.SameBits("final state", memory.FinalState.Gather(), problem.InitialState);
            Tolerance.SameBits("initial state's gradient", memory.InitialStateGradient.Gather(), problem.FinalStateGradient);
        }
    }

    /// <summary>A sequence alone, in tensors of its own length, has the bits that it has in a padded batch, at sizes of every kind of product.</summary>
    [Theory]
    [MemberData(nameof(CellsAndWidths))]
    public void ASequenceAlone_HasTheSameBits(RecurrentCell cell, SimdWidth width)
    {
        int[] lengths = [1, 6, 3, 2, 6, 1, 4, 6, 5, 6, 2, 6, 3, 1];
        foreach (int size in (int[])[1, 24, 64, 130])
        {
            RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, lengths.Length, 6, size) with { Lengths = lengths };
            using RecurrenceMemory memory = new(problem);
            memory.Run(new() { Width = width });
            foreach (int own in (int[])[0, 2, 4, 13])
            {
                int length = lengths[own];
                using RecurrenceMemory single = new(problem with
                {
                    Batch = 1,
                    Length = length,
                    Lengths = null,
                    InputGates = Own(problem.InputGates, length)!,
                    InitialState = Own(problem.InitialState, 1),
                    InitialCell = Own(problem.InitialCell, 1),
                    OutputGradient = Own(problem.OutputGradient, length),
                    FinalStateGradient = Own(problem.FinalStateGradient, 1),
                    FinalCellGradient = Own(problem.FinalCellGradient, 1),
                });
                single.Run(new() { Width = width });

                string name = $"of {own}, size {size}";
                Tolerance.SameBits($"output {name}", single.Output.Gather(), Own(memory.Output.Gather(), length));
                Tolerance.SameBits($"final state {name}", single.FinalState.Gather(), Own(memory.FinalState.Gather(), 1));
                Tolerance.SameBits($"input's gradient {name}", single.InputGatesGradient.Gather(), Own(memory.InputGatesGradient.Gather(), length));
                Tolerance.SameBits($"state's gradient {name}", single.InitialStateGradient.Gather(), Own(memory.InitialStateGradient.Gather(), 1));

                // A tensor of states has one row for each sequence, the others one for each position.
                float[]? Own(float[]? numbers, int positions)
                {
                    int whole = (numbers?.Length ?? 0) / lengths.Length;
                    int row = whole / 6;
                    bool isState = numbers?.Length == lengths.Length * size;
                    return numbers?[(own * whole)..((own * whole) + (isState ? whole : positions * row))];
                }
            }
        }
    }

    /// <summary>NaN in a sequence stays there: the sequences computed beside it keep their bits, forward and back.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void NaNInOneSequence_StaysThere(RecurrentCell cell)
    {
        const int Size = 24;
        const int Row = 3 * Size;
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 7, 3, Size);
        float[] poisoned = [.. problem.InputGates];
        poisoned.AsSpan(2 * 3 * problem.Gates * Size, problem.Gates * Size).Fill(float.NaN);
        using RecurrenceMemory clean = new(problem);
        using RecurrenceMemory memory = new(problem with { InputGates = poisoned });
        clean.Run();
        memory.Run();

        Others("output", memory.Output.Gather(), clean.Output.Gather(), Row);
        Others("final state", memory.FinalState.Gather(), clean.FinalState.Gather(), Size);
        Others("input's gradient", memory.InputGatesGradient.Gather(), clean.InputGatesGradient.Gather(), problem.Gates * Row);
        Others("initial state's gradient", memory.InitialStateGradient.Gather(), clean.InitialStateGradient.Gather(), Size);
        memory.FinalState.Gather().AsSpan(2 * Size, Size).ToArray().Should().OnlyContain(x => float.IsNaN(x), "it is not hidden either");

        static void Others(string name, float[] numbers, float[] expected, int row)
        {
            for (int sequence = 0; sequence < 7; sequence++)
            {
                if (sequence != 2)
                {
                    Tolerance.SameBits($"{name} of {sequence}", numbers.AsSpan(sequence * row, row), expected.AsSpan(sequence * row, row));
                }
            }
        }
    }

    /// <summary>Views of larger tensors give the same bits as copies, and what lies between their rows stays as it is.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void ViewsWithGaps_GiveTheSameBits(RecurrentCell cell)
    {
        const int Batch = 3;
        const int Length = 4;
        const int Size = 9;
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, Batch, Length, Size) with { Lengths = [4, 2, 3] };
        using RecurrenceMemory plain = new(problem);
        plain.Run();
        int gates = problem.Gates * Size;
        View state = new(problem.InitialState, Batch, Size);
        View input = new(problem.InputGates, Batch, Length, gates);
        View weight = new(problem.Weight, gates, Size);
        View outputGradient = new(problem.OutputGradient, Batch, Length, Size);
        View stateGradient = new(problem.FinalStateGradient, Batch, Size);
        View output = new(null, Batch, Length, Size);
        View finalState = new(null, Batch, Size);
        View trace = new(null, Batch, Length, GatedRecurrence.TraceParts(cell) * Size);
        View inputGradient = new(null, Batch, Length, gates);
        View weightGradient = new(null, gates, Size);
        View initialGradient = new(null, Batch, Size);
        RecurrenceOptions options = new() { Cell = cell };
        ReadOnlyTensorSpan<float> cells = plain.InitialCell is null ? default : plain.InitialCell.Read();
        ReadOnlyTensorSpan<float> cellGradients = plain.FinalCellGradient is null ? default : plain.FinalCellGradient.Read();

        GatedRecurrence.Forward(
            input.Read(), weight.Read(), plain.Bias!.Read(), state.Read(), cells, problem.Lengths, output.Write(), finalState.Write(), default,
            trace.Write(), options);
        GatedRecurrence.Backward(
            weight.Read(), state.Read(), cells, problem.Lengths, output.Read(), trace.Read(), outputGradient.Read(), stateGradient.Read(),
            cellGradients, inputGradient.Write(), weightGradient.Write(), default, initialGradient.Write(), default, options);

        Tolerance.SameBits("output", output.Gather(), plain.Output.Gather());
        Tolerance.SameBits("final state", finalState.Gather(), plain.FinalState.Gather());
        Tolerance.SameBits("input's gradient", inputGradient.Gather(), plain.InputGatesGradient.Gather());
        Tolerance.SameBits("weight's gradient", weightGradient.Gather(), plain.WeightGradient.Gather());
        Tolerance.SameBits("initial state's gradient", initialGradient.Gather(), plain.InitialStateGradient.Gather());
    }

    /// <summary>Gates far out are 0, 1 or -1, and nothing overflows on the way there or back.</summary>
    [Theory]
    [MemberData(nameof(CellsAndWidths))]
    public void VeryLargeGates_StayFinite(RecurrentCell cell, SimdWidth width)
    {
        RecurrenceProblem<float> random = RecurrenceProblems.Random(cell, 2, 5, 19);
        foreach (float factor in (float[])[1e4f, 1e30f, 1e-42f])
        {
            using RecurrenceMemory memory = new(random with { InputGates = Array.ConvertAll(random.InputGates, x => x * factor) });
            memory.Run(new() { Width = width });

            memory.Results().SelectMany(result => result.Numbers).Should().OnlyContain(x => float.IsFinite(x), $"factor {factor}");
        }
    }

    /// <summary>Rows with a gap behind each; the last axis has none between its numbers.</summary>
    private sealed class View
    {
        private const int Gap = 3;
        private const float Between = 12345.678f;
        private readonly float[] _memory;
        private readonly Layout _layout;

        internal View(float[]? values, params int[] lengths)
        {
            nint row = lengths[^1] + Gap;
            nint[] strides = lengths.Length == 2 ? [row, 1] : [lengths[1] * row, row, 1];
            _layout = Layout.Strided(Array.ConvertAll(lengths, length => (nint)length), strides);
            _memory = new float[lengths[0] * strides[0]];
            Array.Fill(_memory, Between);
            _layout.Scatter<float>(values ?? [.. Enumerable.Repeat(float.NaN, _layout.Count)], _memory);
        }

        internal ReadOnlyTensorSpan<float> Read() => _layout.Read(_memory);

        internal TensorSpan<float> Write() => _layout.Write(_memory);

        internal float[] Gather()
        {
            float[] elements = _layout.Gather<float>(_memory);
            float[] expected = [.. Enumerable.Repeat(Between, _memory.Length)];
            _layout.Scatter<float>(elements, expected);
            Tolerance.SameBits("memory between the rows", _memory, expected);
            return elements;
        }
    }
}
