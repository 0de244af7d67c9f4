using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A recurrence in memory, and calls of it.</summary>
internal sealed class RecurrenceMemory : IDisposable
{
    private readonly RecurrenceProblem<float> _problem;
    private readonly bool _guarded;
    private readonly List<TestOperand> _operands = [];

    public RecurrenceMemory(RecurrenceProblem<float> problem, bool guarded = false)
    {
        (_problem, _guarded) = (problem, guarded);
        nint[] state = [problem.Batch, problem.Size];
        nint[] positions = [problem.Batch, problem.Length, problem.Size];
        nint[] gates = [problem.Batch, problem.Length, problem.Gates * problem.Size];
        nint[] weight = [problem.Gates * problem.Size, problem.Size];
        InputGates = Create(gates, problem.InputGates)!;
        Weight = Create(weight, problem.Weight)!;
        Bias = Create([problem.Gates * problem.Size], problem.Bias);
        InitialState = Create(state, problem.InitialState);
        InitialCell = Create(state, problem.InitialCell);
        OutputGradient = Create(positions, problem.OutputGradient);
        FinalStateGradient = Create(state, problem.FinalStateGradient);
        FinalCellGradient = Create(state, problem.FinalCellGradient);
        Output = Result(positions);
        FinalState = Result(state);
        Trace = Result([problem.Batch, problem.Length, GatedRecurrence.TraceParts(problem.Cell) * problem.Size]);
        InputGatesGradient = Result(gates);
        WeightGradient = Result(weight);
        BiasGradient = Result([problem.Gates * problem.Size]);
        InitialStateGradient = Result(state);
        if (problem.Cell == RecurrentCell.Lstm)
        {
            FinalCell = Result(state);
            InitialCellGradient = Result(state);
        }
    }

    public TestOperand InputGates { get; }

    public TestOperand Weight { get; }

    public TestOperand? Bias { get; }

    public TestOperand? InitialState { get; }

    public TestOperand? InitialCell { get; }

    public TestOperand? OutputGradient { get; }

    public TestOperand? FinalStateGradient { get; }

    public TestOperand? FinalCellGradient { get; }

    public TestOperand Output { get; }

    public TestOperand FinalState { get; }

    public TestOperand? FinalCell { get; }

    public TestOperand Trace { get; }

    public TestOperand InputGatesGradient { get; }

    public TestOperand WeightGradient { get; }

    public TestOperand BiasGradient { get; }

    public TestOperand InitialStateGradient { get; }

    public TestOperand? InitialCellGradient { get; }

    public void Forward(in RecurrenceOptions options = default) => GatedRecurrence.Forward(
        InputGates.Read(), Weight.Read(), Read(Bias), Read(InitialState), Read(InitialCell), _problem.Lengths, Output.Write(),
        FinalState.Write(), Write(FinalCell), Trace.Write(), Complete(options));

    public void Backward(in RecurrenceOptions options = default) => GatedRecurrence.Backward(
        Weight.Read(), Read(InitialState), Read(InitialCell), _problem.Lengths, Output.Read(), Trace.Read(), Read(OutputGradient),
        Read(FinalStateGradient), Read(FinalCellGradient), InputGatesGradient.Write(), WeightGradient.Write(), BiasGradient.Write(),
        InitialStateGradient.Write(), Write(InitialCellGradient), Complete(options));

    /// <summary>The options with what the problem says.</summary>
    public RecurrenceOptions Complete(in RecurrenceOptions options) => options with { Cell = _problem.Cell, IsReversed = _problem.IsReversed };

    /// <summary>Runs everything.</summary>
    public void Run(in RecurrenceOptions options = default)
    {
        Forward(options);
        Backward(options);
    }

    /// <summary>All results, in the order of <see cref="RecurrenceLoops{T}.Results"/>.</summary>
    public IEnumerable<(string Name, float[] Numbers)> Results()
    {
        yield return ("output", Output.Gather());
        yield return ("final state", FinalState.Gather());
        yield return ("input gates' gradient", InputGatesGradient.Gather());
        yield return ("weight's gradient", WeightGradient.Gather());
        yield return ("bias's gradient", BiasGradient.Gather());
        yield return ("initial state's gradient", InitialStateGradient.Gather());
        if (FinalCell is not null)
        {
            yield return ("final cell", FinalCell.Gather());
            yield return ("initial cell's gradient", InitialCellGradient!.Gather());
        }
    }

    public void Dispose() => _operands.ForEach(operand => operand.Dispose());

    private static ReadOnlyTensorSpan<float> Read(TestOperand? operand) => operand is null ? default : operand.Read();

    private static TensorSpan<float> Write(TestOperand? operand) => operand is null ? default : operand.Write();

    private TestOperand? Create(nint[] lengths, float[]? values) => values is null ? null : Result(lengths, values);

    private TestOperand Result(nint[] lengths, float[]? values = null)
    {
        TestOperand operand = TestOperand.Create(_guarded, lengths, values);
        _operands.Add(operand);
        return operand;
    }
}
