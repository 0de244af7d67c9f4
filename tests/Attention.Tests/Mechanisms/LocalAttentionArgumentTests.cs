using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to attention to windows: the parameter is named, and nothing is written.</summary>
public class LocalAttentionArgumentTests
{
    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _lengths = new()
    {
        ["query"] = [2, 4, 5, 3],
        ["key"] = [2, 2, 6, 3],
        ["value"] = [2, 2, 6, 7],
        ["position"] = [2, 5],
        ["output"] = [2, 4, 5, 7],
        ["logSumExp"] = [2, 4, 5],
        ["destination"] = [2, 4, 5, 6],
        ["outputGradient"] = [2, 4, 5, 7],
        ["logSumExpGradient"] = [2, 4, 5],
        ["queryGradient"] = [2, 4, 5, 3],
        ["keyGradient"] = [2, 2, 6, 3],
        ["valueGradient"] = [2, 2, 6, 7],
        ["positionGradient"] = [2, 5],
    };

    private LocalWindow _window = new(2, true) { KeyLengths = [6, 0] };

    [Fact]
    public void GoodInput_IsTaken()
    {
        FluentActions.Invoking(Forward).Should().NotThrow();
        FluentActions.Invoking(Weights).Should().NotThrow();
        FluentActions.Invoking(Backward).Should().NotThrow();
    }

    [Theory]
    [InlineData("query", new[] { 2, 4, 15 })]
    [InlineData("key", new[] { 2, 2, 6, 4 })]
    [InlineData("key", new[] { 2, 3, 6, 3 })]
    [InlineData("value", new[] { 2, 2, 5, 7 })]
    [InlineData("position", new[] { 2, 4 })]
    [InlineData("position", new[] { 10 })]
    [InlineData("position", new[] { 2, 4, 5 })]
    [InlineData("output", new[] { 2, 4, 5, 6 })]
    [InlineData("logSumExp", new[] { 2, 4, 6 })]
    public void Forward_NamesAWrongShape(string operand, int[] lengths) => Refuses(Forward, operand, lengths, "output", "logSumExp");

    [Theory]
    [InlineData("key", new[] { 2, 2, 6, 4 })]
    [InlineData("position", new[] { 5, 2 })]
    [InlineData("destination", new[] { 2, 4, 5, 7 })]
    public void Weights_NamesAWrongShape(string operand, int[] lengths) => Refuses(Weights, operand, lengths, "destination");

    [Theory]
    [InlineData("position", new[] { 1, 5 })]
    [InlineData("outputGradient", new[] { 2, 4, 5, 6 })]
    [InlineData("logSumExpGradient", new[] { 2, 4, 6 })]
    [InlineData("queryGradient", new[] { 2, 4, 5, 4 })]
    [InlineData("keyGradient", new[] { 2, 4, 6, 3 })]
    [InlineData("valueGradient", new[] { 2, 2, 6, 3 })]
    [InlineData("positionGradient", new[] { 2, 4, 5 })]
    public void Backward_NamesAWrongShape(string operand, int[] lengths) =>
        Refuses(Backward, operand, lengths, "queryGradient", "keyGradient", "valueGradient", "positionGradient");

    [Theory]
    [InlineData(-1, null)]
    [InlineData(int.MinValue, null)]
    [InlineData(2, new[] { 6 })]
    [InlineData(2, new[] { 6, 6, 6 })]
    [InlineData(2, new[] { 6, 7 })]
    [InlineData(2, new[] { -1, 6 })]
    public void EveryMethod_NamesAWrongWindow(int halfWidth, int[]? keyLengths)
    {
        _window = new LocalWindow(halfWidth) { KeyLengths = keyLengths };

        FluentActions.Invoking(Forward).Should().Throw<ArgumentException>().WithParameterName("window");
        FluentActions.Invoking(Weights).Should().Throw<ArgumentException>().WithParameterName("window");
        FluentActions.Invoking(Backward).Should().Throw<ArgumentException>().WithParameterName("window");
    }

    [Theory]
    [InlineData("output", "query")]
    [InlineData("output", "position")]
    [InlineData("logSumExp", "value")]
    [InlineData("logSumExp", "output")]
    public void Forward_NamesAnOverlap(string written, string other) => RefusesOverlap(Forward, written, other);

    [Theory]
    [InlineData("destination", "query")]
    [InlineData("destination", "key")]
    [InlineData("destination", "position")]
    public void Weights_NamesAnOverlap(string written, string other) => RefusesOverlap(Weights, written, other);

    [Theory]
    [InlineData("queryGradient", "query")]
    [InlineData("keyGradient", "outputGradient")]
    [InlineData("valueGradient", "queryGradient")]
    [InlineData("positionGradient", "position")]
    [InlineData("positionGradient", "logSumExpGradient")]
    [InlineData("positionGradient", "keyGradient")]
    public void Backward_NamesAnOverlap(string written, string other) => RefusesOverlap(Backward, written, other);

    [Fact]
    public void BadOptionsAndMasks_AreRefused()
    {
        FluentActions.Invoking(() => LocalAttention.Forward(
            Read("query"), Read("key"), Read("value"), Read("position"), _window, Write("output"), new AttentionOptions { Scale = float.NaN }))
            .Should().Throw<ArgumentException>().WithParameterName("options");
        FluentActions.Invoking(() => LocalAttention.Forward(
            Read("query"), Read("key"), Read("value"), Read("position"), _window, new KeyLengthMask(new[] { 6 }), Write("output")))
            .Should().Throw<ArgumentException>().WithParameterName("mask");
    }

    private void Refuses(Action call, string operand, int[] lengths, params string[] results)
    {
        _lengths[operand] = Array.ConvertAll(lengths, length => (nint)length);

        call.Should().Throw<ArgumentException>().WithParameterName(operand);

        foreach (string name in results)
        {
            float[] memory = Memory(name);
            _memory.Remove(name);
            Tolerance.SameBits(name, memory, Memory(name));
        }
    }

    private void RefusesOverlap(Action call, string written, string other)
    {
        _memory[written] = Memory(other);

        call.Should().Throw<ArgumentException>().WithParameterName(written);
    }

    private void Forward() => LocalAttention.Forward(
        Read("query"), Read("key"), Read("value"), Read("position"), _window, default(NoMask), Write("output"), Write("logSumExp"));

    private void Weights() =>
        LocalAttention.Weights(Read("query"), Read("key"), Read("position"), _window, default(NoMask), Write("destination"));

    private void Backward() => LocalAttention.Backward(
        Read("query"), Read("key"), Read("value"), Read("position"), _window, default(NoMask), Read("outputGradient"),
        Read("logSumExpGradient"), Write("queryGradient"), Write("keyGradient"), Write("valueGradient"), Write("positionGradient"));

    private ReadOnlyTensorSpan<float> Read(string name) => Layout.Contiguous(_lengths[name]).Read(Memory(name));

    private TensorSpan<float> Write(string name) => Layout.Contiguous(_lengths[name]).Write(Memory(name));

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory) ? memory : _memory[name] = AttentionProblems.Normal(new Random(name.Length + name[0]), 400);
}
