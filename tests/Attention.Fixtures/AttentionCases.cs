using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>nn.MultiheadAttention: 4 heads, model size 24, with bias.</summary>
internal static class AttentionCases
{
    private const long Size = 24;
    private const long Heads = 4;
    private const long Batch = 2;
    private const long Keys = 7;

    internal static void Fill(FixtureFile file)
    {
        SelfAttention(file.Case("self", 101), causal: false);
        SelfAttention(file.Case("causal", 102), causal: true);
        CrossAttention(file.Case("cross", 103), Size);
        CrossAttention(file.Case("sizes", 104), 20);
        ComposedAttention(file.Case("sizes_apart", 105), 20, 15);
    }

    private static void SelfAttention(FixtureCase @case, bool causal)
    {
        const long Length = 6;
        using var layer = nn.MultiheadAttention(Size, Heads);
        @case.Weights(layer);
        Tensor query = @case.Input("query", Batch, Length, Size);
        Tensor turned = query.transpose(0, 1);
        (Tensor output, Tensor weights) = layer.call(turned, turned, turned, null, true, causal ? Masks.Causal(Length) : null);
        @case.Result("attention", weights);
        @case.Output(output.transpose(0, 1));
    }

    private static void CrossAttention(FixtureCase @case, long keySize)
    {
        using var layer = nn.MultiheadAttention(Size, Heads, kdim: keySize, vdim: keySize);
        @case.Weights(layer);
        Tensor query = @case.Input("query", Batch, 5, Size);
        Tensor key = @case.Input("key", Batch, Keys, keySize);
        Tensor value = @case.Input("value", Batch, Keys, keySize);
        Tensor padding = @case.Constant("key_padding_mask", Masks.Padding(Keys, Keys, 4));
        (Tensor output, Tensor weights) = layer.call(
            query.transpose(0, 1), key.transpose(0, 1), value.transpose(0, 1), padding, true, null);
        @case.Result("attention", weights);
        @case.Output(output.transpose(0, 1));

        if (keySize != Size)
        {
            // What the next case is made of must be what the module computes.
            Require(output.transpose(0, 1), Compose(layer.named_parameters().ToDictionary(pair => pair.name, pair => (Tensor)pair.parameter), query, key, value, padding).Output);
        }
    }

    /// <summary>libtorch's own module refuses keys and values of different sizes, which PyTorch's takes.</summary>
    private static void ComposedAttention(FixtureCase @case, long keySize, long valueSize)
    {
        Dictionary<string, Tensor> weights = new()
        {
            ["q_proj_weight"] = @case.Weight("q_proj_weight", Size, Size),
            ["k_proj_weight"] = @case.Weight("k_proj_weight", Size, keySize),
            ["v_proj_weight"] = @case.Weight("v_proj_weight", Size, valueSize),
            ["in_proj_bias"] = @case.Weight("in_proj_bias", 3 * Size),
            ["out_proj.weight"] = @case.Weight("out_proj.weight", Size, Size),
            ["out_proj.bias"] = @case.Weight("out_proj.bias", Size),
        };
        Tensor query = @case.Input("query", Batch, 5, Size);
        Tensor key = @case.Input("key", Batch, Keys, keySize);
        Tensor value = @case.Input("value", Batch, Keys, valueSize);
        Tensor padding = @case.Constant("key_padding_mask", Masks.Padding(Keys, Keys, 4));
        (Tensor output, Tensor attention) = Compose(weights, query, key, value, padding);
        @case.Result("attention", attention);
        @case.Output(output);
    }

    /// <summary>What PyTorch's module computes, from libtorch's pieces: project, split the heads, attend, join, project.</summary>
    private static (Tensor Output, Tensor Attention) Compose(
        Dictionary<string, Tensor> weights, Tensor query, Tensor key, Tensor value, Tensor padding)
    {
        Tensor[] biases = weights["in_proj_bias"].chunk(3);
        Tensor queryHeads = Split(nn.functional.linear(query, weights["q_proj_weight"], biases[0]));
        Tensor keyHeads = Split(nn.functional.linear(key, weights["k_proj_weight"], biases[1]));
        Tensor valueHeads = Split(nn.functional.linear(value, weights["v_proj_weight"], biases[2]));
        Tensor scores = queryHeads.matmul(keyHeads.transpose(-2, -1)) / Math.Sqrt((double)Size / Heads);
        Tensor attention = scores
            .masked_fill(padding.unsqueeze(1).unsqueeze(1), double.NegativeInfinity)
            .softmax(-1);
        Tensor joined = attention.matmul(valueHeads).transpose(1, 2).flatten(2);
        return (nn.functional.linear(joined, weights["out_proj.weight"], weights["out_proj.bias"]), attention.mean([1]));
    }

    private static Tensor Split(Tensor projected) => projected.unflatten(2, Heads, Size / Heads).transpose(1, 2);

    private static void Require(Tensor module, Tensor composed)
    {
        if (!module.allclose(composed, 1e-5, 1e-5))
        {
            throw new InvalidOperationException("The composed attention is not what libtorch's module computes.");
        }
    }
}
