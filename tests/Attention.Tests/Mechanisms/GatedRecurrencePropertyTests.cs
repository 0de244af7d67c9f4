using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>What holds for every recurrence: padding, direction, steps, threads and batches.</summary>
public class GatedRecurrencePropertyTests
{
    public static TheoryData<RecurrentCell> Cells => [.. RecurrenceProblems.Cells];

    [Theory]
    [MemberData(nameof(Cells))]
    public void NanInThePadding_ChangesNoBit(RecurrentCell cell)
    {
        int[] lengths = [5, 2, 0, 4];
        foreach (bool isReversed in (bool[])[false, true])
        {
            RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 4, 5, 9) with { Lengths = lengths, IsReversed = isReversed };
            RecurrenceProblem<float> poisoned = problem with
            {
                InputGates = Poisoned(problem.InputGates, problem.Gates * problem.Size),
                OutputGradient = Poisoned(problem.OutputGradient!, problem.Size),
            };

            Same(poisoned, problem);
        }

        float[] Poisoned(float[] numbers, int row) =>
            [.. numbers.Select((x, i) => i / row % 5 < lengths[i / row / 5] ? x : float.NaN)];
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void ThePadding_IsZero(RecurrentCell cell)
    {
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 2, 5, 9) with { Lengths = [0, 3] };
        using RecurrenceMemory memory = new(problem);
        memory.Run();

        memory.Output.Gather().Take(5 * 9).Should().OnlyContain(x => x == 0);
        memory.Output.Gather().Skip(8 * 9).Should().OnlyContain(x => x == 0);
        memory.InputGatesGradient.Gather().Skip(8 * 9 * problem.Gates).Should().OnlyContain(x => x == 0);
        Tolerance.SameBits("state of no steps", memory.FinalState.Gather().AsSpan(0, 9), problem.InitialState.AsSpan(0, 9));
        Tolerance.SameBits("its gradient", memory.InitialStateGradient.Gather().AsSpan(0, 9), problem.FinalStateGradient.AsSpan(0, 9));
    }

    /// <summary>A reversed pass is a pass over the reversed sequence, each from its own end.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void AReversedPass_IsThePassOverTheReversedInput(RecurrentCell cell)
    {
        int[] lengths = [5, 2, 1];
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 3, 5, 9) with { Lengths = lengths };
        RecurrenceProblem<float> turned = problem with
        {
            IsReversed = true,
            InputGates = Turned(problem.InputGates),
            OutputGradient = Turned(problem.OutputGradient!),
        };
        using RecurrenceMemory memory = new(problem);
        using RecurrenceMemory other = new(turned);
        memory.Run();
        other.Run();

        Tolerance.SameBits("output", other.Output.Gather(), Turned(memory.Output.Gather()));
        Tolerance.SameBits("final state", other.FinalState.Gather(), memory.FinalState.Gather());
        Tolerance.SameBits("input's gradient", other.InputGatesGradient.Gather(), Turned(memory.InputGatesGradient.Gather()));
        Tolerance.Reordered("weight's gradient", other.WeightGradient.Gather(), memory.WeightGradient.Gather());

        float[] Turned(float[] numbers)
        {
            int row = numbers.Length / 15;
            return [.. Enumerable.Range(0, numbers.Length).Select(i => numbers[(Position(i / row / 5, i / row % 5) * row) + (i % row)])];
        }

        int Position(int batch, int position) => (batch * 5) + (position < lengths[batch] ? lengths[batch] - 1 - position : position);
    }

    /// <summary>Step by step, each from the state of the one before, gives the bits of the whole.</summary>
    [Theory]
    [MemberData(nameof(Cells))]
    public void Steps_AreTheWhole(RecurrentCell cell)
    {
        const int Length = 4;
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 3, Length, 37);
        using RecurrenceMemory whole = new(problem);
        whole.Forward();
        float[] output = whole.Output.Gather();
        RecurrenceProblem<float> step = problem with { Length = 1 };
        for (int position = 0; position < Length; position++)
        {
            step = step with { InputGates = At(problem.InputGates, position) };
            using RecurrenceMemory single = new(step);
            single.Forward();
            Tolerance.SameBits($"output {position}", single.Output.Gather(), At(output, position));
            step = step with { InitialState = single.FinalState.Gather(), InitialCell = single.FinalCell?.Gather() };
        }

        Tolerance.SameBits("final state", step.InitialState, whole.FinalState.Gather());

        static float[] At(float[] numbers, int position)
        {
            int row = numbers.Length / 3 / Length;
            return [.. Enumerable.Range(0, 3).SelectMany(batch => numbers.Skip(((batch * Length) + position) * row).Take(row))];
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void Threads_ChangeNoBit(RecurrentCell cell)
    {
        foreach (int batch in (int[])[5, 30])
        {
            int[] lengths = [.. Enumerable.Range(0, batch).Select(i => 7 * i % 10)];
            RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, batch, 9, 67) with { Lengths = lengths };
            using RecurrenceMemory memory = new(problem);
            memory.Run(new() { MaxDegreeOfParallelism = 1 });
            (string Name, float[] Numbers)[] expected = [.. memory.Results()];
            foreach (int threads in (int[])[2, 3, 7])
            {
                using RecurrenceMemory other = new(problem);
                other.Run(new() { MaxDegreeOfParallelism = threads });
                foreach (((string name, float[] numbers), (_, float[] single)) in other.Results().Zip(expected))
                {
                    Tolerance.SameBits($"{name} with {threads} threads", numbers, single);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void TheBatchAround_ChangesNoBit(RecurrentCell cell)
    {
        const int Last = 13;
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, Last + 1, 4, 19);
        RecurrenceProblem<float> alone = problem with
        {
            Batch = 1,
            InputGates = Own(problem.InputGates)!,
            InitialState = Own(problem.InitialState),
            InitialCell = Own(problem.InitialCell),
            OutputGradient = Own(problem.OutputGradient),
            FinalStateGradient = Own(problem.FinalStateGradient),
            FinalCellGradient = Own(problem.FinalCellGradient),
        };
        using RecurrenceMemory memory = new(problem);
        using RecurrenceMemory single = new(alone);
        memory.Run();
        single.Run();

        Tolerance.SameBits("output", Own(memory.Output.Gather()), single.Output.Gather());
        Tolerance.SameBits("input's gradient", Own(memory.InputGatesGradient.Gather()), single.InputGatesGradient.Gather());
        Tolerance.SameBits("initial state's gradient", Own(memory.InitialStateGradient.Gather()), single.InitialStateGradient.Gather());

        static float[]? Own(float[]? numbers) => numbers?[(numbers.Length / (Last + 1) * Last)..];
    }

    [Theory]
    [MemberData(nameof(Cells))]
    public void UnwantedResults_AreLeftOut(RecurrentCell cell)
    {
        RecurrenceProblem<float> problem = RecurrenceProblems.Random(cell, 3, 4, 9);
        using RecurrenceMemory memory = new(problem);
        memory.Run();
        float[] output = memory.Output.Gather();
        float[] weight = memory.WeightGradient.Gather();
        float[] input = memory.InputGatesGradient.Gather();
        memory.Output.Data.Clear();
        memory.FinalState.Data.Clear();
        RecurrenceOptions options = memory.Complete(default);
        ReadOnlyTensorSpan<float> cells = memory.InitialCell is null ? default : memory.InitialCell.Read();

        GatedRecurrence.Forward(
            memory.InputGates.Read(), memory.Weight.Read(), memory.Bias!.Read(), memory.InitialState!.Read(), cells, default,
            memory.Output.Write(), default, default, default, options);
        Tolerance.SameBits("output", memory.Output.Gather(), output);
        memory.FinalState.Gather().Should().OnlyContain(x => x == 0);

        ReadOnlyTensorSpan<float> cellGradients = memory.FinalCellGradient is null ? default : memory.FinalCellGradient.Read();
        memory.WeightGradient.Data.Clear();
        memory.InputGatesGradient.Data.Clear();
        memory.BiasGradient.Data.Clear();
        GatedRecurrence.Backward(
            memory.Weight.Read(), memory.InitialState.Read(), cells, default, memory.Output.Read(), memory.Trace.Read(),
            memory.OutputGradient!.Read(), memory.FinalStateGradient!.Read(), cellGradients, default, memory.WeightGradient.Write(), default,
            default, default, options);
        Tolerance.SameBits("weight's gradient", memory.WeightGradient.Gather(), weight);
        memory.BiasGradient.Gather().Should().OnlyContain(x => x == 0);

        GatedRecurrence.Backward(
            memory.Weight.Read(), memory.InitialState.Read(), cells, default, memory.Output.Read(), memory.Trace.Read(),
            memory.OutputGradient.Read(), memory.FinalStateGradient.Read(), cellGradients, memory.InputGatesGradient.Write(), default, default,
            default, default, options);
        Tolerance.SameBits("input's gradient", memory.InputGatesGradient.Gather(), input);
    }

    private static void Same(RecurrenceProblem<float> problem, RecurrenceProblem<float> other)
    {
        using RecurrenceMemory memory = new(problem);
        using RecurrenceMemory expected = new(other);
        memory.Run();
        expected.Run();
        foreach (((string name, float[] numbers), (_, float[] clean)) in memory.Results().Zip(expected.Results()))
        {
            Tolerance.SameBits(name, numbers, clean);
        }
    }
}
