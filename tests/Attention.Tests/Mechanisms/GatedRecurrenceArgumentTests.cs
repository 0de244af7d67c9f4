using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to recurrences: the parameter is named, and nothing is written.</summary>
public class GatedRecurrenceArgumentTests
{
    private static readonly string[] s_results =
    [
        "output", "finalState", "finalCell", "trace", "inputGatesGradient", "recurrentWeightGradient", "recurrentBiasGradient",
        "initialStateGradient", "initialCellGradient",
    ];

    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _shapes = new()
    {
        ["inputGates"] = [3, 5, 16],
        ["recurrentWeight"] = [16, 4],
        ["recurrentBias"] = [16],
        ["initialState"] = [3, 4],
        ["initialCell"] = [3, 4],
        ["output"] = [3, 5, 4],
        ["finalState"] = [3, 4],
        ["finalCell"] = [3, 4],
        ["trace"] = [3, 5, 20],
        ["outputGradient"] = [3, 5, 4],
        ["finalStateGradient"] = [3, 4],
        ["finalCellGradient"] = [3, 4],
        ["inputGatesGradient"] = [3, 5, 16],
        ["recurrentWeightGradient"] = [16, 4],
        ["recurrentBiasGradient"] = [16],
        ["initialStateGradient"] = [3, 4],
        ["initialCellGradient"] = [3, 4],
    };

    private RecurrenceOptions _options = new() { Cell = RecurrentCell.Lstm };
    private int[] _lengths = [5, 0, 3];

    [Fact]
    public void GoodInput_IsTaken()
    {
        FluentActions.Invoking(Forward).Should().NotThrow();
        FluentActions.Invoking(Backward).Should().NotThrow();
    }

    [Theory]
    [InlineData("inputGates", new[] { 3, 5, 12 })]
    [InlineData("inputGates", new[] { 15, 16 })]
    [InlineData("recurrentWeight", new[] { 12, 4 })]
    [InlineData("recurrentWeight", new[] { 0, 0 })]
    [InlineData("recurrentWeight", new[] { 64 })]
    [InlineData("recurrentBias", new[] { 12 })]
    [InlineData("initialState", new[] { 2, 4 })]
    [InlineData("initialCell", new[] { 3, 5 })]
    [InlineData("output", new[] { 3, 4, 4 })]
    [InlineData("finalState", new[] { 4, 4 })]
    [InlineData("finalCell", new[] { 12 })]
    [InlineData("trace", new[] { 3, 5, 16 })]
    public void Forward_NamesAWrongShape(string operand, int[] lengths) => RefusesShape(Forward, operand, lengths);

    [Theory]
    [InlineData("recurrentWeight", new[] { 12, 4 })]
    [InlineData("initialState", new[] { 3, 3 })]
    [InlineData("initialCell", new[] { 3, 5 })]
    [InlineData("output", new[] { 3, 6, 4 })]
    [InlineData("trace", new[] { 3, 5, 16 })]
    [InlineData("outputGradient", new[] { 3, 5, 8 })]
    [InlineData("finalStateGradient", new[] { 1, 4 })]
    [InlineData("finalCellGradient", new[] { 3, 4, 1 })]
    [InlineData("inputGatesGradient", new[] { 3, 5, 12 })]
    [InlineData("recurrentWeightGradient", new[] { 16, 5 })]
    [InlineData("recurrentBiasGradient", new[] { 4 })]
    [InlineData("initialStateGradient", new[] { 3, 5 })]
    [InlineData("initialCellGradient", new[] { 2, 4 })]
    public void Backward_NamesAWrongShape(string operand, int[] lengths) => RefusesShape(Backward, operand, lengths);

    [Theory]
    [InlineData("output", "inputGates")]
    [InlineData("output", "recurrentWeight")]
    [InlineData("finalState", "initialState")]
    [InlineData("finalCell", "recurrentBias")]
    [InlineData("finalCell", "initialCell")]
    [InlineData("trace", "output")]
    public void Forward_NamesAnOverlap(string written, string other) => RefusesOverlap(Forward, written, other);

    [Theory]
    [InlineData("inputGatesGradient", "trace")]
    [InlineData("recurrentWeightGradient", "recurrentWeight")]
    [InlineData("recurrentBiasGradient", "outputGradient")]
    [InlineData("initialStateGradient", "finalStateGradient")]
    [InlineData("initialStateGradient", "output")]
    [InlineData("initialCellGradient", "finalCellGradient")]
    [InlineData("initialCellGradient", "initialStateGradient")]
    public void Backward_NamesAnOverlap(string written, string other) => RefusesOverlap(Backward, written, other);

    [Theory]
    [InlineData(new[] { 5, 0 })]
    [InlineData(new[] { 5, 0, 6 })]
    [InlineData(new[] { 5, -1, 3 })]
    public void Lengths_AreChecked(int[] lengths)
    {
        _lengths = lengths;

        Refuses(Forward, "lengths");
        Refuses(Backward, "lengths");
    }

    [Fact]
    public void Options_AreChecked()
    {
        foreach (RecurrenceOptions wrong in (RecurrenceOptions[])
            [_options with { Cell = (RecurrentCell)7 }, _options with { MaxDegreeOfParallelism = -1 }, _options with { Width = (SimdWidth)99 }])
        {
            _options = wrong;
            Refuses(Forward, "options");
            Refuses(Backward, "options");
        }
    }

    /// <summary>Only long short-term memory has memory cells.</summary>
    [Theory]
    [InlineData("initialCell", new[] { "finalCell", "finalCellGradient", "initialCellGradient" })]
    [InlineData("finalCell", new[] { "initialCell", "finalCellGradient", "initialCellGradient" })]
    [InlineData("finalCellGradient", new[] { "initialCell", "finalCell", "initialCellGradient" })]
    [InlineData("initialCellGradient", new[] { "initialCell", "finalCell", "finalCellGradient" })]
    public void ACellOfAGru_IsRefused(string operand, string[] absent)
    {
        _options = new RecurrenceOptions { Cell = RecurrentCell.GruResetBefore };
        _shapes["inputGates"] = _shapes["inputGatesGradient"] = [3, 5, 12];
        _shapes["recurrentWeight"] = _shapes["recurrentWeightGradient"] = [12, 4];
        _shapes["recurrentBias"] = _shapes["recurrentBiasGradient"] = [12];
        _shapes["trace"] = [3, 5, 16];
        foreach (string name in absent)
        {
            _shapes.Remove(name);
        }

        Refuses(operand.EndsWith("Gradient", StringComparison.Ordinal) || operand == "initialCell" ? Backward : Forward, operand);
        _shapes.Remove(operand);
        FluentActions.Invoking(Forward).Should().NotThrow();
        FluentActions.Invoking(Backward).Should().NotThrow();
    }

    private void RefusesShape(Action call, string operand, int[] lengths)
    {
        _shapes[operand] = Array.ConvertAll(lengths, length => (nint)length);
        Refuses(call, operand);
    }

    private void RefusesOverlap(Action call, string written, string other)
    {
        _memory[written] = Memory(other);
        FluentActions.Invoking(call).Should().Throw<ArgumentException>().WithParameterName(written).WithMessage($"*'{other}'*");
    }

    private void Refuses(Action call, string parameter)
    {
        FluentActions.Invoking(call).Should().Throw<ArgumentException>().WithParameterName(parameter);
        foreach (string name in s_results.Where(_memory.ContainsKey))
        {
            float[] memory = Memory(name);
            _memory.Remove(name);
            Tolerance.SameBits(name, memory, Memory(name));
        }
    }

    private void Forward() => GatedRecurrence.Forward(
        Read("inputGates"), Read("recurrentWeight"), Read("recurrentBias"), Read("initialState"), Read("initialCell"), _lengths,
        Write("output"), Write("finalState"), Write("finalCell"), Write("trace"), _options);

    private void Backward() => GatedRecurrence.Backward(
        Read("recurrentWeight"), Read("initialState"), Read("initialCell"), _lengths, Read("output"), Read("trace"), Read("outputGradient"),
        Read("finalStateGradient"), Read("finalCellGradient"), Write("inputGatesGradient"), Write("recurrentWeightGradient"),
        Write("recurrentBiasGradient"), Write("initialStateGradient"), Write("initialCellGradient"), _options);

    private ReadOnlyTensorSpan<float> Read(string name) =>
        _shapes.TryGetValue(name, out nint[]? lengths) ? Layout.Contiguous(lengths).Read<float>(Memory(name)) : default;

    private TensorSpan<float> Write(string name) =>
        _shapes.TryGetValue(name, out nint[]? lengths) ? Layout.Contiguous(lengths).Write(Memory(name)) : default;

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory) ? memory : _memory[name] = AttentionProblems.Normal(new Random(name.Length + name[0]), 400);
}
