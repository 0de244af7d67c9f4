using Attention.Autodiff;
using Attention.Layers;
using Attention.Policies;

namespace Attention.Tests.Layers;

/// <summary>Layers with PyTorch's weights give PyTorch's outputs and gradients.</summary>
public class LibtorchTests
{
    private const int ModelSize = 24;
    private const int Heads = 4;

    [Theory]
    [InlineData("self")]
    [InlineData("causal")]
    public void SelfAttention_AgreesWithLibtorch(string name)
    {
        using var data = new LibtorchCase("multi_head_attention", name);
        using var layer = new MultiHeadAttention(ModelSize, Heads);
        data.LoadInto(layer);
        using var tape = new Tape();
        using Variable input = tape.Watch(data.Tensor("input.query"));
        using Variable output = name == "causal" ? layer.Forward(input, CausalMask.TopLeft) : layer.Forward(input);

        data.Check(tape, output, layer, ("query", input));
    }

    [Theory]
    [InlineData("cross", null, null)]
    [InlineData("sizes", 20, 20)]
    [InlineData("sizes_apart", 20, 15)]
    public void CrossAttention_AgreesWithLibtorch(string name, int? keySize, int? valueSize)
    {
        using var data = new LibtorchCase("multi_head_attention", name);
        using var layer = new MultiHeadAttention(
            new MultiHeadAttentionOptions { ModelSize = ModelSize, Heads = Heads, KeySize = keySize, ValueSize = valueSize });
        data.LoadInto(layer);
        using var tape = new Tape();
        using Variable query = tape.Watch(data.Tensor("input.query"));
        using Variable key = tape.Watch(data.Tensor("input.key"));
        using Variable value = tape.Watch(data.Tensor("input.value"));
        using Variable output = layer.Forward(query, key, value, data.KeyLengths("input.key_padding_mask"));

        data.Check(tape, output, layer, ("query", query), ("key", key), ("value", value));
    }

    [Theory]
    [InlineData("self")]
    [InlineData("causal")]
    public void Weights_AveragedOverHeads_AgreeWithLibtorch(string name)
    {
        using var data = new LibtorchCase("multi_head_attention", name);
        using var layer = new MultiHeadAttention(ModelSize, Heads);
        data.LoadInto(layer);
        using Variable input = Variable.Constant(data.Tensor("input.query"));
        using Variable weights = Variable.Constant(
            name == "causal" ? layer.Weights(input, input, CausalMask.TopLeft) : layer.Weights(input, input, default(NoMask)));
        using Variable sum = Differentiable.SumAxis(weights, 1, 1f / Heads);
        using Variable mean = sum.Reshape(2, 6, 6);

        data.Compare("attention", mean.Data);
    }

    [Theory]
    [InlineData("relu", FeedForwardKind.Relu)]
    [InlineData("gelu", FeedForwardKind.Gelu)]
    public void EncoderLayer_AgreesWithLibtorch(string name, FeedForwardKind kind)
    {
        using var data = new LibtorchCase("transformer_encoder_layer", name);
        using var layer = new TransformerEncoderLayer(Options(kind));
        data.LoadInto(layer);
        using var tape = new Tape();
        using Variable input = tape.Watch(data.Tensor("input.source"));
        using Variable output = kind == FeedForwardKind.Gelu
            ? layer.Forward(input, data.KeyLengths("input.source_key_padding_mask"))
            : layer.Forward(input, default(NoMask));

        data.Check(tape, output, layer, ("source", input));
    }

    [Theory]
    [InlineData("relu", FeedForwardKind.Relu)]
    [InlineData("gelu", FeedForwardKind.Gelu)]
    public void DecoderLayer_AgreesWithLibtorch(string name, FeedForwardKind kind)
    {
        using var data = new LibtorchCase("transformer_decoder_layer", name);
        using var layer = new TransformerDecoderLayer(Options(kind));
        data.LoadInto(layer);
        using var tape = new Tape();
        using Variable target = tape.Watch(data.Tensor("input.target"));
        using Variable memory = tape.Watch(data.Tensor("input.memory"));
        using Variable output = kind == FeedForwardKind.Gelu
            ? layer.Forward(target, memory, CausalMask.TopLeft, data.KeyLengths("input.memory_key_padding_mask"))
            : layer.Forward(target, memory, CausalMask.TopLeft, default(NoMask));

        data.Check(tape, output, layer, ("target", target), ("memory", memory));
    }

    [Theory]
    [InlineData("linear", true)]
    [InlineData("linear_without_bias", false)]
    public void Linear_AgreesWithLibtorch(string name, bool hasBias)
    {
        using var data = new LibtorchCase("small_layers", name);
        using var layer = new Linear(13, 9, hasBias);
        data.LoadInto(layer);
        using var tape = new Tape();
        using Variable input = tape.Watch(data.Tensor("input.input"));
        using Variable output = layer.Forward(input);

        data.Check(tape, output, layer, ("input", input));
    }

    [Fact]
    public void LayerNorm_AgreesWithLibtorch()
    {
        using var data = new LibtorchCase("small_layers", "layer_norm");
        using var layer = new LayerNorm(13);
        data.LoadInto(layer);
        using var tape = new Tape();
        using Variable input = tape.Watch(data.Tensor("input.input"));
        using Variable output = layer.Forward(input);

        data.Check(tape, output, layer, ("input", input));
    }

    [Fact]
    public void Embedding_AgreesWithLibtorch()
    {
        using var data = new LibtorchCase("small_layers", "embedding");
        using var layer = new Embedding(11, 6);
        data.LoadInto(layer);
        int[] indices = [.. data.Floats("input.indices", out nint[] shape).Select(index => (int)index)];
        using var tape = new Tape();
        using Variable output = layer.Forward(indices, shape, tape);

        data.Check(tape, output, layer);
    }

    private static TransformerOptions Options(FeedForwardKind kind) => new()
    {
        Attention = new MultiHeadAttentionOptions { ModelSize = ModelSize, Heads = Heads },
        FeedForwardSize = 40,
        FeedForward = kind,
    };
}
