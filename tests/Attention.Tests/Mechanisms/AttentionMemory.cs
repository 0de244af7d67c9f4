using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>A problem's inputs, and room full of NaN for its results, laid out in memory one way or another.</summary>
internal sealed class AttentionMemory : IDisposable
{
    private readonly List<TestOperand> _operands = [];

    public AttentionMemory(AttentionProblem<float> problem, Placement placement = Placement.Contiguous)
    {
        Problem = problem;
        AttentionShape shape = problem.Shape;
        bool guarded = placement == Placement.Guarded;
        Query = Add(TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.HeadSize, problem.Query));
        Key = Add(TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.HeadSize, problem.Key));
        Value = Add(TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.ValueSize, problem.Value));
        Output = Add(TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.ValueSize));
        OutputGradient = Add(TestOperand.Create(
            placement, shape.Batch, shape.Heads, shape.QueryLength, shape.ValueSize, problem.OutputGradient));
        QueryGradient = Add(TestOperand.Create(placement, shape.Batch, shape.Heads, shape.QueryLength, shape.HeadSize));
        KeyGradient = Add(TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.HeadSize));
        ValueGradient = Add(TestOperand.Create(placement, shape.Batch, shape.KeyValueHeads, shape.KeyLength, shape.ValueSize));
        LogSumExp = Add(TestOperand.Create(guarded, shape.RowLengths));
        if (problem.LogSumExpGradient is float[] logSumExpGradient)
        {
            LogSumExpGradient = Add(TestOperand.Create(guarded, shape.RowLengths, logSumExpGradient));
        }

        if (problem.Bias is float[] bias)
        {
            nint[] lengths = Array.ConvertAll(problem.BiasShape, length => (nint)length);
            Bias = Add(TestOperand.Create(guarded, lengths, bias));
            BiasGradient = Add(TestOperand.Create(guarded, lengths));
        }

        if (problem.SinkLogits is float[] sinks)
        {
            SinkLogits = Add(TestOperand.Create(guarded, [sinks.Length], sinks));
            SinkGradient = Add(TestOperand.Create(guarded, [sinks.Length]));
        }
    }

    public AttentionProblem<float> Problem { get; }

    public TestOperand Query { get; }

    public TestOperand Key { get; }

    public TestOperand Value { get; }

    public TestOperand Output { get; }

    public TestOperand LogSumExp { get; }

    public TestOperand OutputGradient { get; }

    public TestOperand? LogSumExpGradient { get; }

    public TestOperand QueryGradient { get; }

    public TestOperand KeyGradient { get; }

    public TestOperand ValueGradient { get; }

    public TestOperand? Bias { get; }

    public TestOperand? BiasGradient { get; }

    public TestOperand? SinkLogits { get; }

    public TestOperand? SinkGradient { get; }

    public ScoreTerms Terms => new()
    {
        Bias = Bias is null ? default : Bias.Read(),
        SinkLogits = SinkLogits is null ? default : SinkLogits.Data,
    };

    public ScoreTermGradients TermGradients => new()
    {
        Bias = BiasGradient is null ? default : BiasGradient.Write(),
        SinkLogits = SinkGradient is null ? default : SinkGradient.Data,
    };

    public void Dispose() => _operands.ForEach(operand => operand.Dispose());

    private TestOperand Add(TestOperand operand)
    {
        _operands.Add(operand);
        return operand;
    }
}
