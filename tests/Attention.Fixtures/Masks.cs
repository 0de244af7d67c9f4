using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>Masks as libtorch's modules take them.</summary>
internal static class Masks
{
    /// <summary>
    /// Hides what comes later, <c>[length, length]</c>: added to the scores. A mask of booleans, which PyTorch takes too, is added
    /// by libtorch's module as zeros and ones, and hides nothing.
    /// </summary>
    internal static Tensor Causal(long length) => full([length, length], float.NegativeInfinity).triu(1);

    /// <summary>Hides the keys past each batch element's length, <c>[batch, keys]</c>: true hides.</summary>
    internal static Tensor Padding(long keys, params long[] lengths) =>
        arange(keys).unsqueeze(0).ge(tensor(lengths).unsqueeze(1));
}
