using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Turns a row of scores into weights, with the gradient: softmax, or something else in its place. Implement it as a struct:
/// the kernels are compiled for it.
/// </summary>
/// <remarks>
/// A row holds the scores of those keys that a query may attend to, in the order of the keys, and is never empty: what a mask
/// hides is left out before, and weighs zero. A score of negative infinity weighs zero too.
/// </remarks>
public interface INormalizer
{
    /// <summary>
    /// Throws where <paramref name="normalizer"/> cannot be used, such as a default value that lacks a parameter, before the call
    /// writes anything. Does nothing unless overridden.
    /// </summary>
    /// <typeparam name="TNormalizer">Always the implementing type itself.</typeparam>
    /// <param name="normalizer">The normaliser of the call.</param>
    /// <exception cref="ArgumentException">It cannot be used; its parameter is named <c>normalizer</c>.</exception>
    static virtual void CheckCall<TNormalizer>(in TNormalizer normalizer)
        where TNormalizer : struct, INormalizer
    {
    }

    /// <summary>Computes the weights of a row.</summary>
    /// <typeparam name="TSimd">The arithmetic of the width.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="scores">The scores, <c>[count]</c>.</param>
    /// <param name="weights">Overwritten, <c>[count]</c>; other memory than the scores.</param>
    void Normalize<TSimd, TVector>(ReadOnlySpan<float> scores, Span<float> weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    /// <summary>Computes the gradient of the scores of a row from that of its weights.</summary>
    /// <typeparam name="TSimd">The arithmetic of the width.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="scores">The scores, <c>[count]</c>.</param>
    /// <param name="weights">What <see cref="Normalize"/> made of them, <c>[count]</c>.</param>
    /// <param name="weightGradient">The gradient of the loss by the weights, <c>[count]</c>.</param>
    /// <param name="scoreGradient">Overwritten, <c>[count]</c>; may be <paramref name="weightGradient"/> itself.</param>
    void Differentiate<TSimd, TVector>(
        ReadOnlySpan<float> scores, ReadOnlySpan<float> weights, ReadOnlySpan<float> weightGradient, Span<float> scoreGradient)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
