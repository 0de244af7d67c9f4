using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>Masks as PyTorch takes them: true hides.</summary>
internal static class Masks
{
    /// <summary>Hides what comes later, <c>[length, length]</c>.</summary>
    internal static Tensor Causal(long length) => ones([length, length], ScalarType.Bool).triu(1);

    /// <summary>Hides the keys past each batch element's length, <c>[batch, keys]</c>.</summary>
    internal static Tensor Padding(long keys, params long[] lengths) =>
        arange(keys).unsqueeze(0).ge(tensor(lengths).unsqueeze(1));
}
