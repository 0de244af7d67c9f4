using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to attention by distances: the parameter is named, and nothing is written.</summary>
public class RelativeAttentionArgumentTests
{
    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _lengths = new()
    {
        ["query"] = [2, 4, 5, 3],
        ["key"] = [2, 2, 6, 3],
        ["value"] = [2, 2, 6, 7],
        ["output"] = [2, 4, 5, 7],
        ["logSumExp"] = [2, 4, 5],
        ["keyTable"] = [9, 3],
        ["valueTable"] = [9, 7],
        ["relativeKey"] = [4, 10, 3],
        ["contentBias"] = [4, 3],
        ["positionBias"] = [4, 3],
        ["outputGradient"] = [2, 4, 5, 7],
        ["logSumExpGradient"] = [2, 4, 5],
        ["queryGradient"] = [2, 4, 5, 3],
        ["keyGradient"] = [2, 2, 6, 3],
        ["valueGradient"] = [2, 2, 6, 7],
        ["keyTableGradient"] = [9, 3],
        ["valueTableGradient"] = [9, 7],
        ["relativeKeyGradient"] = [4, 10, 3],
        ["contentBiasGradient"] = [4, 3],
        ["positionBiasGradient"] = [4, 3],
    };

    [Fact]
    public void GoodInput_IsTaken()
    {
        FluentActions.Invoking(Forward).Should().NotThrow();
        FluentActions.Invoking(Backward).Should().NotThrow();
        FluentActions.Invoking(ForwardXl).Should().NotThrow();
        FluentActions.Invoking(BackwardXl).Should().NotThrow();
    }

    [Theory]
    [InlineData("query", new[] { 2, 4, 15 })]
    [InlineData("key", new[] { 2, 2, 6, 4 })]
    [InlineData("value", new[] { 2, 2, 5, 7 })]
    [InlineData("output", new[] { 2, 4, 5, 6 })]
    [InlineData("logSumExp", new[] { 2, 4, 6 })]
    [InlineData("keyTable", new[] { 8, 3 }, "tables")]
    [InlineData("keyTable", new[] { 9, 4 }, "tables")]
    [InlineData("keyTable", new[] { 27 }, "tables")]
    [InlineData("valueTable", new[] { 7, 7 }, "tables")]
    [InlineData("valueTable", new[] { 9, 6 }, "tables")]
    public void Forward_NamesAWrongShape(string operand, int[] lengths, string? parameter = null) =>
        Refuses(Forward, operand, lengths, parameter, "output", "logSumExp");

    [Theory]
    [InlineData("outputGradient", new[] { 2, 4, 5, 6 })]
    [InlineData("logSumExpGradient", new[] { 2, 4, 6 })]
    [InlineData("queryGradient", new[] { 2, 4, 5, 4 })]
    [InlineData("keyGradient", new[] { 2, 4, 6, 3 })]
    [InlineData("valueGradient", new[] { 2, 2, 6, 3 })]
    [InlineData("keyTableGradient", new[] { 9, 4 }, "tableGradients")]
    [InlineData("valueTableGradient", new[] { 8, 7 }, "tableGradients")]
    [InlineData("keyTable", new[] { 10, 3 }, "tables")]
    public void Backward_NamesAWrongShape(string operand, int[] lengths, string? parameter = null) =>
        Refuses(Backward, operand, lengths, parameter, "queryGradient", "keyGradient", "valueGradient", "keyTableGradient", "valueTableGradient");

    [Theory]
    [InlineData("key", new[] { 2, 3, 6, 3 })]
    [InlineData("relativeKey", new[] { 4, 11, 3 })]
    [InlineData("relativeKey", new[] { 2, 10, 3 })]
    [InlineData("relativeKey", new[] { 10, 3 })]
    [InlineData("contentBias", new[] { 2, 3 })]
    [InlineData("positionBias", new[] { 4, 4 })]
    [InlineData("output", new[] { 2, 4, 6, 7 })]
    [InlineData("logSumExp", new[] { 2, 20 })]
    public void ForwardXl_NamesAWrongShape(string operand, int[] lengths) => Refuses(ForwardXl, operand, lengths, null, "output", "logSumExp");

    [Theory]
    [InlineData("relativeKey", new[] { 4, 9, 3 })]
    [InlineData("outputGradient", new[] { 2, 4, 5, 6 })]
    [InlineData("logSumExpGradient", new[] { 2, 4, 6 })]
    [InlineData("queryGradient", new[] { 2, 4, 5, 4 })]
    [InlineData("keyGradient", new[] { 2, 4, 6, 3 })]
    [InlineData("valueGradient", new[] { 2, 2, 6, 3 })]
    [InlineData("relativeKeyGradient", new[] { 1, 10, 3 })]
    [InlineData("contentBiasGradient", new[] { 4, 2 })]
    [InlineData("positionBiasGradient", new[] { 3, 3 })]
    public void BackwardXl_NamesAWrongShape(string operand, int[] lengths) => Refuses(
        BackwardXl, operand, lengths, null, "queryGradient", "keyGradient", "valueGradient", "relativeKeyGradient", "contentBiasGradient",
        "positionBiasGradient");

    [Theory]
    [InlineData("output", "query")]
    [InlineData("output", "valueTable")]
    [InlineData("logSumExp", "keyTable")]
    [InlineData("logSumExp", "output")]
    public void Forward_NamesAnOverlap(string written, string other) => RefusesOverlap(Forward, written, other, written);

    [Theory]
    [InlineData("queryGradient", "query", "queryGradient")]
    [InlineData("keyGradient", "outputGradient", "keyGradient")]
    [InlineData("valueGradient", "logSumExpGradient", "valueGradient")]
    [InlineData("valueGradient", "queryGradient", "valueGradient")]
    [InlineData("keyTableGradient", "keyTable", "tableGradients")]
    [InlineData("valueTableGradient", "keyTableGradient", "tableGradients")]
    [InlineData("valueTableGradient", "key", "tableGradients")]
    public void Backward_NamesAnOverlap(string written, string other, string parameter) => RefusesOverlap(Backward, written, other, parameter);

    [Theory]
    [InlineData("output", "relativeKey")]
    [InlineData("output", "contentBias")]
    [InlineData("logSumExp", "positionBias")]
    public void ForwardXl_NamesAnOverlap(string written, string other) => RefusesOverlap(ForwardXl, written, other, written);

    [Theory]
    [InlineData("queryGradient", "relativeKey")]
    [InlineData("relativeKeyGradient", "value")]
    [InlineData("contentBiasGradient", "relativeKeyGradient")]
    [InlineData("positionBiasGradient", "contentBiasGradient")]
    public void BackwardXl_NamesAnOverlap(string written, string other) => RefusesOverlap(BackwardXl, written, other, written);

    [Fact]
    public void NoTableAtAll_IsRefused()
    {
        FluentActions.Invoking(() => RelativeAttention.Forward(Read("query"), Read("key"), Read("value"), default, Write("output")))
            .Should().Throw<ArgumentException>().WithParameterName("tables");
    }

    [Fact]
    public void AGradientWithoutItsTable_IsRefused()
    {
        FluentActions.Invoking(() => RelativeAttention.Backward(
            Read("query"), Read("key"), Read("value"), new RelativeTables { Key = Read("keyTable") }, Read("outputGradient"), Write("queryGradient"),
            Write("keyGradient"), Write("valueGradient"), new RelativeTableGradients { Value = Write("valueTableGradient") }))
            .Should().Throw<ArgumentException>().WithParameterName("tableGradients");
    }

    [Fact]
    public void BadOptions_AreRefused()
    {
        FluentActions.Invoking(() => RelativeAttention.Forward(
            Read("query"), Read("key"), Read("value"), Tables(), Write("output"), new AttentionOptions { Scale = float.NaN }))
            .Should().Throw<ArgumentException>().WithParameterName("options");
    }

    private void Refuses(Action call, string operand, int[] lengths, string? parameter, params string[] results)
    {
        _lengths[operand] = Array.ConvertAll(lengths, length => (nint)length);

        call.Should().Throw<ArgumentException>().WithParameterName(parameter ?? operand);

        foreach (string name in results)
        {
            float[] memory = Memory(name);
            _memory.Remove(name);
            Tolerance.SameBits(name, memory, Memory(name));
        }
    }

    private void RefusesOverlap(Action call, string written, string other, string parameter)
    {
        _memory[written] = Memory(other);

        call.Should().Throw<ArgumentException>().WithParameterName(parameter);
    }

    private void Forward() =>
        RelativeAttention.Forward(Read("query"), Read("key"), Read("value"), Tables(), default(NoMask), Write("output"), Write("logSumExp"));

    private void Backward() => RelativeAttention.Backward(
        Read("query"), Read("key"), Read("value"), Tables(), default(NoMask), Read("outputGradient"), Read("logSumExpGradient"),
        Write("queryGradient"), Write("keyGradient"), Write("valueGradient"),
        new RelativeTableGradients { Key = Write("keyTableGradient"), Value = Write("valueTableGradient") });

    private void ForwardXl() => TransformerXlAttention.Forward(
        Read("query"), Read("key"), Read("value"), Read("relativeKey"), Read("contentBias"), Read("positionBias"), default(NoMask),
        Write("output"), Write("logSumExp"));

    private void BackwardXl() => TransformerXlAttention.Backward(
        Read("query"), Read("key"), Read("value"), Read("relativeKey"), Read("contentBias"), Read("positionBias"), default(NoMask),
        Read("outputGradient"), Read("logSumExpGradient"), Write("queryGradient"), Write("keyGradient"), Write("valueGradient"),
        Write("relativeKeyGradient"), Write("contentBiasGradient"), Write("positionBiasGradient"));

    private RelativeTables Tables() => new() { Key = Read("keyTable"), Value = Read("valueTable") };

    private ReadOnlyTensorSpan<float> Read(string name) => Layout.Contiguous(_lengths[name]).Read(Memory(name));

    private TensorSpan<float> Write(string name) => Layout.Contiguous(_lengths[name]).Write(Memory(name));

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory) ? memory : _memory[name] = AttentionProblems.Normal(new Random(name.Length + name[0]), 400);
}
