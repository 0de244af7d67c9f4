using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Mechanisms;

/// <summary>Bad input to normalisers: the parameter is named, and nothing is written.</summary>
public class NormalizedAttentionArgumentTests
{
    private readonly Dictionary<string, float[]> _memory = [];
    private readonly Dictionary<string, nint[]> _lengths = new()
    {
        ["query"] = [2, 4, 5, 3],
        ["key"] = [2, 2, 6, 3],
        ["value"] = [2, 2, 6, 7],
        ["output"] = [2, 4, 5, 7],
        ["outputGradient"] = [2, 4, 5, 7],
        ["queryGradient"] = [2, 4, 5, 3],
        ["keyGradient"] = [2, 2, 6, 3],
        ["valueGradient"] = [2, 2, 6, 7],
        ["destination"] = [2, 4, 5, 6],
        ["scores"] = [2, 4, 5, 6],
        ["weights"] = [2, 4, 5, 6],
        ["weightGradient"] = [2, 4, 5, 6],
        ["scoreGradient"] = [2, 4, 5, 6],
    };

    private int[] _rowLengths = [];
    private EntmaxNormalizer _normalizer = new(1.5f);
    private KeyLengthMask _mask = new(6);
    private AttentionOptions _options;

    [Fact]
    public void GoodInput_IsTaken()
    {
        foreach (string call in (string[])["Forward", "Weights", "Backward", "Pairs", "PairsBackward"])
        {
            FluentActions.Invoking(() => Call(call)).Should().NotThrow();
        }

        Flatten();
        FluentActions.Invoking(() => Call("Rows")).Should().NotThrow();
        FluentActions.Invoking(() => Call("RowsBackward")).Should().NotThrow();
    }

    [Theory]
    [InlineData("Forward", "key", new[] { 2, 2, 6, 4 })]
    [InlineData("Forward", "value", new[] { 2, 2, 5, 7 })]
    [InlineData("Forward", "output", new[] { 2, 4, 5, 6 })]
    [InlineData("Weights", "query", new[] { 2, 20, 3 })]
    [InlineData("Weights", "destination", new[] { 2, 4, 6, 6 })]
    [InlineData("Backward", "outputGradient", new[] { 2, 4, 5, 6 })]
    [InlineData("Backward", "queryGradient", new[] { 2, 4, 5, 4 })]
    [InlineData("Backward", "keyGradient", new[] { 2, 4, 6, 3 })]
    [InlineData("Backward", "valueGradient", new[] { 2, 2, 6, 3 })]
    [InlineData("Pairs", "scores", new[] { 2, 20, 6 })]
    [InlineData("Pairs", "destination", new[] { 2, 4, 5, 5 })]
    [InlineData("PairsBackward", "weights", new[] { 2, 4, 5, 5 })]
    [InlineData("PairsBackward", "weightGradient", new[] { 2, 4, 5, 5 })]
    [InlineData("PairsBackward", "scoreGradient", new[] { 2, 4, 5, 5 })]
    [InlineData("Rows", "scores", new[] { 2, 4, 5, 6 })]
    [InlineData("Rows", "destination", new[] { 40, 5 })]
    [InlineData("RowsBackward", "weights", new[] { 40, 5 })]
    [InlineData("RowsBackward", "weightGradient", new[] { 40, 5 })]
    [InlineData("RowsBackward", "scoreGradient", new[] { 40, 5 })]
    public void AWrongShape_IsNamed(string call, string operand, int[] lengths)
    {
        Flatten(call);
        _lengths[operand] = Array.ConvertAll(lengths, length => (nint)length);
        Refuses(call, operand);
    }

    [Theory]
    [InlineData("Forward", "output", "query")]
    [InlineData("Forward", "output", "value")]
    [InlineData("Weights", "destination", "key")]
    [InlineData("Backward", "queryGradient", "outputGradient")]
    [InlineData("Backward", "valueGradient", "keyGradient")]
    [InlineData("Pairs", "destination", "scores")]
    [InlineData("PairsBackward", "scoreGradient", "weights")]
    [InlineData("Rows", "destination", "scores")]
    [InlineData("RowsBackward", "scoreGradient", "weightGradient")]
    public void AnOverlap_IsNamed(string call, string written, string other)
    {
        Flatten(call);
        _memory[written] = Memory(other);
        FluentActions.Invoking(() => Call(call)).Should().Throw<ArgumentException>().WithParameterName(written);
    }

    [Theory]
    [InlineData("Forward")]
    [InlineData("Weights")]
    [InlineData("Backward")]
    [InlineData("Pairs")]
    [InlineData("PairsBackward")]
    [InlineData("Rows")]
    [InlineData("RowsBackward")]
    public void WhatIsNoTensor_IsNamed(string call)
    {
        Flatten(call);
        _normalizer = default;
        Refuses(call, "normalizer");
        _normalizer = new(1.5f);
        _options = new() { MaxDegreeOfParallelism = -1 };
        Refuses(call, "options");
        _options = default;
        if (call.StartsWith("Rows", StringComparison.Ordinal))
        {
            _rowLengths = [1, 2];
            Refuses(call, "lengths");
            _rowLengths = [.. Enumerable.Repeat(7, 40)];
            Refuses(call, "lengths");
        }
        else
        {
            _mask = new(7);
            Refuses(call, "mask");
        }
    }

    [Fact]
    public void BadParametersOfNormalizers_AreNamed()
    {
        FluentActions.Invoking(() => new EntmaxNormalizer(0.9f)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("alpha");
        FluentActions.Invoking(() => new EntmaxNormalizer(2.1f)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("alpha");
        FluentActions.Invoking(() => new EntmaxNormalizer(float.NaN)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("alpha");
        FluentActions.Invoking(() => new TopKNormalizer(0)).Should().Throw<ArgumentOutOfRangeException>().WithParameterName("count");
        FluentActions.Invoking(() => new EntmaxNormalizer(1.5f).AlphaGradient([1], [1, 2]))
            .Should().Throw<ArgumentException>().WithParameterName("weightGradient");
        FluentActions.Invoking(() => TopKNormalizer.CheckCall<TopKNormalizer>(default)).Should().Throw<ArgumentException>().WithParameterName("normalizer");
    }

    private void Refuses(string call, string parameter)
    {
        FluentActions.Invoking(() => Call(call)).Should().Throw<ArgumentException>().WithParameterName(parameter);
        foreach (string name in (string[])["output", "destination", "queryGradient", "keyGradient", "valueGradient", "scoreGradient"])
        {
            float[] memory = Memory(name);
            _memory.Remove(name);
            Tolerance.SameBits(name, memory, Memory(name));
        }
    }

    /// <summary>Rows instead of pairs.</summary>
    private void Flatten(string call = "Rows")
    {
        if (call.StartsWith("Rows", StringComparison.Ordinal))
        {
            foreach (string name in (string[])["scores", "weights", "weightGradient", "scoreGradient", "destination"])
            {
                _lengths[name] = [40, 6];
            }
        }
    }

    private void Call(string call)
    {
        switch (call)
        {
            case "Forward":
                NormalizedAttention.Forward(
                    Read("query"), Read("key"), Read("value"), _mask, default(NoModifier), _normalizer, Write("output"), _options);
                break;
            case "Weights":
                NormalizedAttention.Weights(Read("query"), Read("key"), _mask, default(NoModifier), _normalizer, Write("destination"), _options);
                break;
            case "Backward":
                NormalizedAttention.Backward(
                    Read("query"), Read("key"), Read("value"), _mask, default(NoModifier), _normalizer, Read("outputGradient"),
                    Write("queryGradient"), Write("keyGradient"), Write("valueGradient"), _options);
                break;
            case "Pairs":
                RowNormalization.Forward(Read("scores"), _mask, _normalizer, Write("destination"), _options);
                break;
            case "PairsBackward":
                RowNormalization.Backward(
                    Read("scores"), Read("weights"), Read("weightGradient"), _mask, _normalizer, Write("scoreGradient"), _options);
                break;
            case "Rows":
                RowNormalization.Forward(Read("scores"), _rowLengths, _normalizer, Write("destination"), _options);
                break;
            default:
                RowNormalization.Backward(
                    Read("scores"), Read("weights"), Read("weightGradient"), _rowLengths, _normalizer, Write("scoreGradient"), _options);
                break;
        }
    }

    private ReadOnlyTensorSpan<float> Read(string name) => Layout.Contiguous(_lengths[name]).Read(Memory(name));

    private TensorSpan<float> Write(string name) => Layout.Contiguous(_lengths[name]).Write(Memory(name));

    private float[] Memory(string name) =>
        _memory.TryGetValue(name, out float[]? memory) ? memory : _memory[name] = AttentionProblems.Normal(new Random(name.Length + name[0]), 400);
}
