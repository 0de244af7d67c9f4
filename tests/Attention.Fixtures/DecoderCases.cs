using TorchSharp;
using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>
/// nn.TransformerDecoderLayer: 4 heads, model size 24, 40 hidden units, post-norm, without dropout, with a causal mask on the
/// target.
/// </summary>
internal static class DecoderCases
{
    internal static void Fill(FixtureFile file)
    {
        Decode(file.Case("relu", 301), nn.Activations.ReLU, padded: false);
        Decode(file.Case("gelu", 302), nn.Activations.GELU, padded: true);
    }

    private static void Decode(FixtureCase @case, nn.Activations activation, bool padded)
    {
        const long Length = 5;
        const long Keys = 7;
        using var layer = nn.TransformerDecoderLayer(24, 4, 40, 0, activation);
        @case.Weights(layer);
        Tensor target = @case.Input("target", 2, Length, 24);
        Tensor memory = @case.Input("memory", 2, Keys, 24);
        Tensor? padding = padded ? @case.Constant("memory_key_padding_mask", Masks.Padding(Keys, Keys, 3)) : null;
        Tensor output = layer.call(
            target.transpose(0, 1), memory.transpose(0, 1), Masks.Causal(Length), null, null, padding);
        @case.Output(output.transpose(0, 1));
    }
}
