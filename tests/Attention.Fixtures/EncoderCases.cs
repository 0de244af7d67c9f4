using TorchSharp;
using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>nn.TransformerEncoderLayer: 4 heads, model size 24, 40 hidden units, post-norm, without dropout.</summary>
internal static class EncoderCases
{
    internal static void Fill(FixtureFile file)
    {
        Encode(file.Case("relu", 201), nn.Activations.ReLU, padded: false);
        Encode(file.Case("gelu", 202), nn.Activations.GELU, padded: true);
    }

    private static void Encode(FixtureCase @case, nn.Activations activation, bool padded)
    {
        const long Length = 6;
        using var layer = nn.TransformerEncoderLayer(24, 4, 40, 0, activation);
        @case.Weights(layer);
        Tensor source = @case.Input("source", 2, Length, 24);
        Tensor? padding = padded ? @case.Constant("source_key_padding_mask", Masks.Padding(Length, 4, Length)) : null;
        @case.Output(layer.call(source.transpose(0, 1), null!, padding!).transpose(0, 1));
    }
}
