using Attention.Autodiff;
using Attention.Backends;
using Attention.Layers;
using Attention.Policies;
using Attention.TestKit;

namespace Attention.Tests.Layers;

/// <summary>Outputs against plain loops in double, gradients against central differences of a loss over those loops.</summary>
public class LayerGradientTests
{
    private const int Batch = 2;

    [Theory]
    [InlineData(2, false, false)]
    [InlineData(2, true, false)]
    [InlineData(4, false, true)]
    [InlineData(1, true, true)]
    public void SelfAttention_WithNormsAndGate_AgreesWithDouble(int keyValueHeads, bool hasNorm, bool hasGate)
    {
        const int Length = 5;
        using MultiHeadAttention layer = Attention(keyValueHeads, hasNorm, hasGate);
        using var tape = new Tape();
        using Variable input = tape.Watch(LayerNumbers.Tensor(1, Batch, Length, 6));
        using Variable output = layer.Forward(input, CausalMask.TopLeft);
        double[] numbers = LayerNumbers.Doubles(input.Data);
        ReferenceMultiHeadAttention reference = Reference(layer, keyValueHeads) with { Mask = (_, _, query, key) => key <= query };

        Check(tape, layer, output, reference.Weights, () => reference.Forward(numbers, numbers, Batch), (input, numbers));
    }

    [Fact]
    public void CrossAttention_WithBias_AgreesWithDouble()
    {
        const int QueryLength = 3;
        const int KeyLength = 7;
        using MultiHeadAttention layer = Attention(keyValueHeads: 2, hasNorm: true, hasGate: true);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, QueryLength, 6));
        using Variable memory = tape.Watch(LayerNumbers.Tensor(2, Batch, KeyLength, 6));
        using Variable bias = tape.Watch(LayerNumbers.Tensor(3, 1, 4, QueryLength, KeyLength));
        using Variable output = layer.Forward(query, memory, memory, new KeyLengthMask([7, 4]), default(NoModifier), bias);
        double[] queryNumbers = LayerNumbers.Doubles(query.Data);
        double[] memoryNumbers = LayerNumbers.Doubles(memory.Data);
        double[] biasNumbers = LayerNumbers.Doubles(bias.Data);
        ReferenceMultiHeadAttention reference = Reference(layer, 2) with
        {
            Bias = biasNumbers,
            Mask = (batch, _, _, key) => key < (batch == 0 ? 7 : 4),
        };

        Check(
            tape, layer, output, reference.Weights, () => reference.Forward(queryNumbers, memoryNumbers, Batch),
            (query, queryNumbers), (memory, memoryNumbers), (bias, biasNumbers));
    }

    [Theory]
    [InlineData(RelativePositions.Clipped, 5, 5)]
    [InlineData(RelativePositions.Clipped, 3, 8)]
    [InlineData(RelativePositions.TransformerXl, 5, 5)]
    [InlineData(RelativePositions.TransformerXl, 3, 8)]
    public void RelativePositions_AgreeWithDouble(RelativePositions positions, int queryLength, int keyLength)
    {
        MultiHeadAttentionOptions options = new()
        {
            ModelSize = 6,
            Heads = 4,
            KeyValueHeads = 2,
            HeadSize = 3,
            RelativePositions = positions,
            MaxRelativeDistance = 2,
        };
        using MultiHeadAttention layer = LayerNumbers.Filled(new MultiHeadAttention(options), 7);
        using var tape = new Tape();
        using Variable query = tape.Watch(LayerNumbers.Tensor(1, Batch, queryLength, 6));
        using Variable memory = tape.Watch(LayerNumbers.Tensor(2, Batch, keyLength, 6));
        using Variable output = layer.Forward(query, memory, memory, CausalMask.BottomRight(queryLength, keyLength));
        double[] queryNumbers = LayerNumbers.Doubles(query.Data);
        double[] memoryNumbers = LayerNumbers.Doubles(memory.Data);
        ReferenceMultiHeadAttention reference = new(6, 4, 2, 3)
        {
            Weights = LayerNumbers.Doubles(layer),
            Mask = (_, _, i, j) => j <= i + keyLength - queryLength,
        };

        Check(
            tape, layer, output, reference.Weights, () => reference.Forward(queryNumbers, memoryNumbers, Batch),
            (query, queryNumbers), (memory, memoryNumbers));
    }

    [Theory]
    [InlineData(FeedForwardKind.Relu, true)]
    [InlineData(FeedForwardKind.Gelu, true)]
    [InlineData(FeedForwardKind.GeluTanh, true)]
    [InlineData(FeedForwardKind.Silu, false)]
    [InlineData(FeedForwardKind.SwiGlu, true)]
    [InlineData(FeedForwardKind.SwiGlu, false)]
    public void FeedForward_AgreesWithDouble(FeedForwardKind kind, bool hasBias)
    {
        using FeedForward layer = LayerNumbers.Filled(new FeedForward(5, 11, kind, hasBias: hasBias), 7);
        using var tape = new Tape();
        using Variable input = tape.Watch(LayerNumbers.Tensor(1, Batch, 3, 5));
        using Variable output = layer.Forward(input);
        double[] numbers = LayerNumbers.Doubles(input.Data);
        var reference = new ReferenceFeedForward(5, 11, kind) { Weights = LayerNumbers.Doubles(layer) };

        Check(tape, layer, output, reference.Weights, () => reference.Forward(numbers), (input, numbers));
    }

    [Fact]
    public void LearnedPositions_AgreeWithDouble()
    {
        using LearnedPositions layer = LayerNumbers.Filled(new LearnedPositions(9, 4), 7);
        using var tape = new Tape();
        using Variable input = tape.Watch(LayerNumbers.Tensor(1, Batch, 3, 4));
        using Variable shifted = layer.Forward(input, offset: 6);
        using Variable output = layer.Forward(shifted, [0, 5, 5, 8, 1, 0]);
        double[] numbers = LayerNumbers.Doubles(input.Data);
        Dictionary<string, double[]> weights = LayerNumbers.Doubles(layer);
        int[] positions = [0, 5, 5, 8, 1, 0];

        double[] Forward() =>
            [.. numbers.Select((x, i) => x + weights["weight"][((6 + (i / 4 % 3)) * 4) + (i % 4)] + weights["weight"][(positions[i / 4] * 4) + (i % 4)])];

        Check(tape, layer, output, weights, Forward, (input, numbers));
    }

    private static MultiHeadAttention Attention(int keyValueHeads, bool hasNorm, bool hasGate) => LayerNumbers.Filled(
        new MultiHeadAttention(new MultiHeadAttentionOptions
        {
            ModelSize = 6,
            Heads = 4,
            HeadSize = 3,
            KeyValueHeads = keyValueHeads,
            HasQueryKeyNorm = hasNorm,
            HasOutputGate = hasGate,
        }),
        5);

    private static ReferenceMultiHeadAttention Reference(MultiHeadAttention layer, int keyValueHeads) =>
        new(6, 4, keyValueHeads, 3) { Weights = LayerNumbers.Doubles(layer) };

    /// <summary>The loss is the output times fixed numbers, summed up: those numbers are the output's gradient.</summary>
    private static void Check(
        Tape tape, Layer layer, Variable output, IReadOnlyDictionary<string, double[]> weights, Func<double[]> forward,
        params (Variable Input, double[] Numbers)[] inputs)
    {
        Tolerance.Golden("output", output.Data.ToArray(), forward());
        using DeviceTensor gradient = LayerNumbers.Tensor(11, output.Data.Lengths);
        double[] factors = LayerNumbers.Doubles(gradient);
        double Loss() => forward().Zip(factors, (x, y) => x * y).Sum();

        tape.Backward(output, gradient);

        for (int i = 0; i < inputs.Length; i++)
        {
            Tolerance.Golden($"gradient of input {i}", inputs[i].Input.Gradient!.ToArray(), FiniteDifferences.Gradient(inputs[i].Numbers, Loss));
        }

        foreach ((string name, Parameter parameter) in layer.NamedParameters())
        {
            Tolerance.Golden($"gradient of {name}", parameter.Gradient!.ToArray(), FiniteDifferences.Gradient(weights[name], Loss));
        }
    }
}
