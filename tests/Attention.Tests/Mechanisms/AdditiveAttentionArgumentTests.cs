using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to additive attention: the parameter is named, and nothing is written.</summary>
public class AdditiveAttentionArgumentTests
{
    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _lengths = new()
    {
        ["query"] = [2, 4, 5, 3],
        ["key"] = [2, 2, 6, 3],
        ["scoreVector"] = [3],
        ["value"] = [2, 2, 6, 7],
        ["output"] = [2, 4, 5, 7],
        ["logSumExp"] = [2, 4, 5],
        ["destination"] = [2, 4, 5, 6],
        ["outputGradient"] = [2, 4, 5, 7],
        ["queryGradient"] = [2, 4, 5, 3],
        ["keyGradient"] = [2, 2, 6, 3],
        ["scoreVectorGradient"] = [3],
        ["valueGradient"] = [2, 2, 6, 7],
    };

    private AttentionOptions _options;

    [Fact]
    public void GoodInput_IsTaken()
    {
        FluentActions.Invoking(Forward).Should().NotThrow();
        FluentActions.Invoking(Weights).Should().NotThrow();
        FluentActions.Invoking(Backward).Should().NotThrow();
    }

    [Theory]
    [InlineData("query", new[] { 2, 4, 15 })]
    [InlineData("query", new[] { 2, 4, 5, 0 })]
    [InlineData("key", new[] { 2, 2, 6, 4 })]
    [InlineData("key", new[] { 2, 3, 6, 3 })]
    [InlineData("scoreVector", new[] { 4 })]
    [InlineData("scoreVector", new[] { 1, 3 })]
    [InlineData("value", new[] { 2, 2, 5, 7 })]
    [InlineData("output", new[] { 2, 4, 5, 6 })]
    [InlineData("logSumExp", new[] { 2, 4, 6 })]
    public void Forward_NamesAWrongShape(string operand, int[] lengths) => Refuses(Forward, operand, lengths, "output", "logSumExp");

    [Theory]
    [InlineData("key", new[] { 1, 2, 6, 3 })]
    [InlineData("scoreVector", new[] { 2 })]
    [InlineData("destination", new[] { 2, 4, 6, 5 })]
    public void Weights_NamesAWrongShape(string operand, int[] lengths) => Refuses(Weights, operand, lengths, "destination");

    [Theory]
    [InlineData("scoreVector", new[] { 4 })]
    [InlineData("output", new[] { 2, 4, 5, 6 })]
    [InlineData("logSumExp", new[] { 2, 20 })]
    [InlineData("outputGradient", new[] { 2, 4, 5, 6 })]
    [InlineData("queryGradient", new[] { 2, 4, 5, 4 })]
    [InlineData("keyGradient", new[] { 2, 4, 6, 3 })]
    [InlineData("scoreVectorGradient", new[] { 4 })]
    [InlineData("valueGradient", new[] { 2, 2, 6, 3 })]
    public void Backward_NamesAWrongShape(string operand, int[] lengths) =>
        Refuses(Backward, operand, lengths, "queryGradient", "keyGradient", "scoreVectorGradient", "valueGradient");

    [Theory]
    [InlineData("output", "query")]
    [InlineData("output", "scoreVector")]
    [InlineData("logSumExp", "key")]
    [InlineData("logSumExp", "output")]
    public void Forward_NamesAnOverlap(string written, string other) => RefusesOverlap(Forward, written, other);

    [Theory]
    [InlineData("destination", "query")]
    [InlineData("destination", "scoreVector")]
    public void Weights_NamesAnOverlap(string written, string other) => RefusesOverlap(Weights, written, other);

    [Theory]
    [InlineData("queryGradient", "query")]
    [InlineData("keyGradient", "outputGradient")]
    [InlineData("keyGradient", "logSumExp")]
    [InlineData("scoreVectorGradient", "scoreVector")]
    [InlineData("scoreVectorGradient", "keyGradient")]
    [InlineData("valueGradient", "output")]
    [InlineData("valueGradient", "queryGradient")]
    public void Backward_NamesAnOverlap(string written, string other) => RefusesOverlap(Backward, written, other);

    [Fact]
    public void AScale_IsRefused()
    {
        _options = new AttentionOptions { Scale = 1 };

        foreach (Action call in (Action[])[Forward, Weights, Backward])
        {
            call.Should().Throw<ArgumentException>().WithParameterName("options");
        }
    }

    [Fact]
    public void BadOptions_AreRefused()
    {
        _options = new AttentionOptions { Dropout = 1.5f };

        FluentActions.Invoking(Forward).Should().Throw<ArgumentException>().WithParameterName("options");
    }

    [Fact]
    public void Backward_NeedsTheLogSumExp()
    {
        FluentActions.Invoking(() => AdditiveAttention.Backward(
            Read("query"), Read("key"), Read("scoreVector"), Read("value"), default(NoMask), Read("output"), default, Read("outputGradient"),
            Write("queryGradient"), default, default, default)).Should().Throw<ArgumentException>().WithParameterName("logSumExp");
    }

    /// <summary>Each gradient may be left out; the others are the same bits.</summary>
    [Theory]
    [InlineData("queryGradient")]
    [InlineData("keyGradient")]
    [InlineData("scoreVectorGradient")]
    [InlineData("valueGradient")]
    public void AGradient_MayBeAbsent(string absent)
    {
        string[] names = ["queryGradient", "keyGradient", "scoreVectorGradient", "valueGradient"];
        Forward();
        Backward();
        Dictionary<string, float[]> expected = names.ToDictionary(name => name, name => Memory(name)[..Count(name)]);
        foreach (string name in names)
        {
            _memory.Remove(name);
        }

        AdditiveAttention.Backward(
            Read("query"), Read("key"), Read("scoreVector"), Read("value"), default(NoMask), Read("output"), Read("logSumExp"),
            Read("outputGradient"), Wanted("queryGradient"), Wanted("keyGradient"), Wanted("scoreVectorGradient"), Wanted("valueGradient"), _options);

        foreach (string name in names.Where(name => name != absent))
        {
            Tolerance.SameBits(name, Memory(name).AsSpan(0, Count(name)), expected[name]);
        }

        TensorSpan<float> Wanted(string name) => name == absent ? default : Write(name);

        int Count(string name) => (int)_lengths[name].Aggregate((nint)1, (product, length) => product * length);
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

    private void Forward() => AdditiveAttention.Forward(
        Read("query"), Read("key"), Read("scoreVector"), Read("value"), default(NoMask), Write("output"), Write("logSumExp"), _options);

    private void Weights() =>
        AdditiveAttention.Weights(Read("query"), Read("key"), Read("scoreVector"), default(NoMask), Write("destination"), _options);

    private void Backward() => AdditiveAttention.Backward(
        Read("query"), Read("key"), Read("scoreVector"), Read("value"), default(NoMask), Read("output"), Read("logSumExp"),
        Read("outputGradient"), Write("queryGradient"), Write("keyGradient"), Write("scoreVectorGradient"), Write("valueGradient"), _options);

    private ReadOnlyTensorSpan<float> Read(string name) => Layout.Contiguous(_lengths[name]).Read(Memory(name));

    private TensorSpan<float> Write(string name) => Layout.Contiguous(_lengths[name]).Write(Memory(name));

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory) ? memory : _memory[name] = AttentionProblems.Normal(new Random(name.Length + name[0]), 400);
}
