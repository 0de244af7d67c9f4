using static TorchSharp.torch;

namespace Attention.Fixtures;

/// <summary>Masks as libtorch takes them.</summary>
internal static class Masks
{
    /// <summary>
    /// Hides what comes later, <c>[length, length]</c>: added to the scores. The C++ module adds boolean masks too, as ones, so
    /// they would hide nothing.
    /// </summary>
    internal static Tensor Causal(long length) => full([length, length], double.NegativeInfinity).triu(1);

    /// <summary>True hides: the keys past each batch element's length, <c>[batch, keys]</c>.</summary>
    internal static Tensor Padding(long keys, params long[] lengths) =>
        arange(keys).unsqueeze(0).ge(tensor(lengths).unsqueeze(1));
}
