using Attention.Autodiff;
using Attention.Layers;
using Attention.Policies;

namespace Attention.Tests.Layers;

/// <summary>Bad input is refused by the name of the parameter that the caller wrote.</summary>
public class LayerArgumentTests
{
    private static readonly MultiHeadAttentionOptions s_attention = new() { ModelSize = 6, Heads = 3 };
    private static readonly TransformerOptions s_transformer = new() { Attention = s_attention, FeedForwardSize = 8 };

    private static (string Parameter, Action Call)[] Constructors { get; } =
    [
        ("inputSize", () => _ = new Linear(0, 1)),
        ("outputSize", () => _ = new Linear(1, -1)),
        ("count", () => _ = new Embedding(0, 1)),
        ("size", () => _ = new Embedding(1, 0)),
        ("deviation", () => _ = new Embedding(1, 1, -1)),
        ("count", () => _ = new LearnedPositions(-1, 1)),
        ("size", () => _ = new LearnedPositions(1, 0)),
        ("deviation", () => _ = new LearnedPositions(1, 1, float.NaN)),
        ("size", () => _ = new LayerNorm(0)),
        ("epsilon", () => _ = new LayerNorm(1, -1)),
        ("epsilon", () => _ = new LayerNorm(1, float.NaN)),
        ("size", () => _ = new RmsNorm(-2)),
        ("epsilon", () => _ = new RmsNorm(1, float.PositiveInfinity)),
        ("probability", () => _ = new Dropout(-0.1f)),
        ("probability", () => _ = new Dropout(1.1f)),
        ("probability", () => _ = new Dropout(float.NaN)),
        ("modelSize", () => _ = new FeedForward(0, 1)),
        ("innerSize", () => _ = new FeedForward(1, 0)),
        ("kind", () => _ = new FeedForward(1, 1, (FeedForwardKind)99)),
        ("dropout", () => _ = new FeedForward(1, 1, dropout: 2)),
        ("modelSize", () => _ = new MultiHeadAttention(0, 1)),
        ("heads", () => _ = new MultiHeadAttention(6, 0)),
        ("heads", () => _ = new MultiHeadAttention(6, 4)),
        ("options", () => _ = new MultiHeadAttention(null!)),
        ("options", () => _ = new MultiHeadAttention(s_attention with { ModelSize = 0 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { Heads = -1 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { Heads = 4 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { KeyValueHeads = 2 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { KeyValueHeads = 0 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { HeadSize = 0 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { KeySize = 0 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { ValueSize = -3 })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { Dropout = 1.5f })),
        ("options", () => _ = new MultiHeadAttention(s_attention with { Scale = float.NaN })),
        ("options", () => _ = new TransformerEncoderLayer(null!)),
        ("options", () => _ = new TransformerEncoderLayer(s_transformer with { Attention = null! })),
        ("options", () => _ = new TransformerEncoderLayer(s_transformer with { Attention = s_attention with { Heads = 4 } })),
        ("options", () => _ = new TransformerEncoderLayer(s_transformer with { Attention = s_attention with { KeySize = 5 } })),
        ("options", () => _ = new TransformerEncoderLayer(s_transformer with { FeedForwardSize = 0 })),
        ("options", () => _ = new TransformerDecoderLayer(s_transformer with { FeedForward = (FeedForwardKind)(-1) })),
        ("options", () => _ = new TransformerDecoderLayer(s_transformer with { NormOrder = (NormOrder)2 })),
        ("options", () => _ = new TransformerDecoderLayer(s_transformer with { NormEpsilon = -1 })),
        ("options", () => _ = new TransformerDecoderLayer(s_transformer with { Norm = (Attention.Operators.NormalizationKind)9 })),
        ("options", () => _ = new TransformerDecoderLayer(s_transformer with { Dropout = float.NaN })),
        ("layers", () => _ = new TransformerEncoder(0, s_transformer)),
        ("options", () => _ = new TransformerEncoder(1, null!)),
        ("layers", () => _ = new TransformerDecoder(-1, s_transformer)),
        ("options", () => _ = new TransformerDecoder(1, null!)),
        ("encoderLayers", () => _ = new Transformer(0, 1, s_transformer)),
        ("decoderLayers", () => _ = new Transformer(1, 0, s_transformer)),
        ("options", () => _ = new Transformer(1, 1, null!)),
    ];

    [Fact]
    public void Constructors_RefuseByName() => Check(Constructors);

    [Fact]
    public void RowLayers_RefuseInputByName()
    {
        using Variable rows = LayerNumbers.Input(1, 2, 5);
        using var linear = new Linear(6, 4);
        using var norm = new LayerNorm(6);
        using var rootNorm = new RmsNorm(6);
        using var feedForward = new FeedForward(6, 8, FeedForwardKind.SwiGlu);
        using var dropout = new Dropout(0.5f);
        using var embedding = new Embedding(4, 6);
        using var positions = new LearnedPositions(4, 6);

        Check(
            ("input", () => linear.Forward(rows)),
            ("input", () => linear.Forward(null!)),
            ("input", () => norm.Forward(rows)),
            ("input", () => norm.Forward(null!)),
            ("input", () => rootNorm.Forward(rows)),
            ("input", () => feedForward.Forward(rows)),
            ("input", () => feedForward.Forward(null!)),
            ("input", () => dropout.Forward(null!)),
            ("lengths", () => embedding.Forward([1, 2, 3], [2, 2])),
            ("indices", () => embedding.Forward([1, 4], [2])),
            ("indices", () => embedding.Forward([-1, 0], [2])),
            ("input", () => positions.Forward(rows)),
            ("input", () => positions.Forward(null!)),
            ("input", () => positions.Forward(rows, [1, 2])),
            ("path", () => linear.Load("")),
            ("prefix", () => linear.Load("model.safetensors", null!)));
    }

    [Fact]
    public void MultiHeadAttention_RefusesInputByName()
    {
        using Variable input = LayerNumbers.Input(1, 2, 5, 6);
        using Variable narrow = LayerNumbers.Input(1, 2, 5, 4);
        using Variable flat = LayerNumbers.Input(1, 5, 6);
        using Variable single = LayerNumbers.Input(1, 1, 5, 6);
        using Variable longer = LayerNumbers.Input(1, 2, 7, 6);
        using Variable bias = LayerNumbers.Input(1, 1, 3, 5, 4);
        using var layer = new MultiHeadAttention(s_attention);

        Check(
            ("input", () => layer.Forward(null!)),
            ("input", () => layer.Forward(flat)),
            ("input", () => layer.Forward(narrow, CausalMask.TopLeft)),
            ("query", () => layer.Forward(narrow, input, input, default(NoMask))),
            ("query", () => layer.Forward(null!, input, input, default(NoMask))),
            ("key", () => layer.Forward(input, flat, flat, default(NoMask))),
            ("key", () => layer.Forward(input, single, single, default(NoMask))),
            ("value", () => layer.Forward(input, input, narrow, default(NoMask))),
            ("value", () => layer.Forward(input, input, longer, default(NoMask))),
            ("mask", () => layer.Forward(input, new KeyLengthMask([5, 6]))),
            ("bias", () => layer.Forward(input, input, input, default(NoMask), default(NoModifier), bias)),
            ("key", () => layer.Weights(input, single, default(NoMask))),
            ("heads", () => layer.Weights(input, input, default(NoMask), 3)));
    }

    [Fact]
    public void Transformers_RefuseInputByName()
    {
        using Variable input = LayerNumbers.Input(1, 2, 5, 6);
        using Variable narrow = LayerNumbers.Input(1, 2, 5, 4);
        using Variable single = LayerNumbers.Input(1, 1, 5, 6);
        using var encoder = new TransformerEncoder(1, s_transformer);
        using var decoder = new TransformerDecoder(1, s_transformer with { NormOrder = NormOrder.Pre });
        using var model = new Transformer(1, 1, s_transformer);

        Check(
            ("input", () => encoder.Forward(null!, default(NoMask))),
            ("input", () => encoder.Forward(narrow, default(NoMask))),
            ("input", () => encoder.Forward(narrow, default(NoMask), recompute: true)),
            ("mask", () => encoder.Forward(input, new KeyLengthMask([5, 6]))),
            ("input", () => decoder.Forward(narrow, input, default(NoMask), default(NoMask))),
            ("memory", () => decoder.Forward(input, narrow, default(NoMask), default(NoMask))),
            ("memory", () => decoder.Forward(input, single, default(NoMask), default(NoMask))),
            ("memory", () => decoder.Forward(input, null!, default(NoMask), default(NoMask))),
            ("source", () => model.Forward(narrow, input, default(NoMask), default(NoMask))),
            ("target", () => model.Forward(input, narrow, default(NoMask), default(NoMask))),
            ("target", () => model.Forward(input, single, default(NoMask), default(NoMask))));
    }

    private static void Check(params (string Parameter, Action Call)[] refused)
    {
        for (int i = 0; i < refused.Length; i++)
        {
            refused[i].Call.Should().Throw<ArgumentException>("call {0} is wrong", i).Which.ParamName.Should().Be(refused[i].Parameter, "call {0} gives it", i);
        }
    }
}
