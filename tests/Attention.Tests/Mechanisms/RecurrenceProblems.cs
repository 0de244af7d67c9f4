using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Random recurrences, and comparisons with the reference.</summary>
internal static class RecurrenceProblems
{
    /// <summary>Every cell.</summary>
    public static IReadOnlyList<RecurrentCell> Cells { get; } = Enum.GetValues<RecurrentCell>();

    /// <summary>Everything present, random; weights such that a state neither dies out nor is all the gates look at.</summary>
    public static RecurrenceProblem<float> Random(RecurrentCell cell, int batch, int length, int size, int seed = 1)
    {
        Random random = new(seed + (100 * (int)cell) + size);
        int gates = GatedRecurrence.Gates(cell);
        bool hasCell = cell == RecurrentCell.Lstm;
        return new RecurrenceProblem<float>(cell, batch, length, size)
        {
            InputGates = AttentionProblems.Normal(random, batch * length * gates * size),
            Weight = Array.ConvertAll(AttentionProblems.Normal(random, gates * size * size), x => x / MathF.Sqrt(size)),
            Bias = AttentionProblems.Normal(random, gates * size),
            InitialState = Array.ConvertAll(AttentionProblems.Normal(random, batch * size), MathF.Tanh),
            InitialCell = hasCell ? AttentionProblems.Normal(random, batch * size) : null,
            OutputGradient = AttentionProblems.Normal(random, batch * length * size),
            FinalStateGradient = AttentionProblems.Normal(random, batch * size),
            FinalCellGradient = hasCell ? AttentionProblems.Normal(random, batch * size) : null,
        };
    }

    /// <summary>Runs everything, and compares it with the reference.</summary>
    public static void Check(RecurrenceProblem<float> problem, bool guarded = false, RecurrenceOptions options = default)
    {
        using RecurrenceMemory memory = new(problem, guarded);
        memory.Run(options);
        RecurrenceProblem<double> exact = problem.To<double>();
        RecurrenceLoops<double> reference = RecurrenceLoops<double>.Run(exact);
        RecurrenceLoops<float> plain = RecurrenceLoops<float>.Run(problem);
        double[] sensitivities = RecurrenceSensitivity.Measure(exact, reference);
        string name = $"{problem.Cell} [{problem.Batch}, {problem.Length}, {problem.Size}], reversed {problem.IsReversed}, {options.Width}";
        foreach (((string result, float[] numbers), (((_, double[] expected), (_, float[] yardstick)), double sensitivity)) in memory.Results()
            .Zip(reference.Results.Zip(plain.Results).Zip(sensitivities)))
        {
            Tolerance.Mechanism($"{result} of {name}", numbers, expected, yardstick, sensitivity, problem.Batch * problem.Length);
        }
    }
}
