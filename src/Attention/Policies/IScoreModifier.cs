using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Changes a score after scaling and before bias and mask, with its derivative. Implement it as a struct: the kernels are
/// compiled for it, so that it runs inside the tile, vector by vector.
/// </summary>
public interface IScoreModifier
{
    /// <summary>
    /// Throws where <paramref name="modifier"/> was built for other sizes than those of a call, before the call writes
    /// anything. Does nothing unless overridden.
    /// </summary>
    /// <typeparam name="TModifier">Always the implementing type itself.</typeparam>
    /// <param name="modifier">The modifier of the call.</param>
    /// <param name="batch">The batch elements, or the sequences of a packed call.</param>
    /// <param name="heads">The query heads.</param>
    /// <param name="queryLength">The queries; in a packed call those of the longest sequence.</param>
    /// <param name="keyLength">The keys; in a packed call those of the longest sequence.</param>
    /// <exception cref="ArgumentException">The modifier does not fit; its parameter is named <c>modifier</c>.</exception>
    static virtual void CheckCall<TModifier>(in TModifier modifier, int batch, int heads, int queryLength, int keyLength)
        where TModifier : struct, IScoreModifier
    {
    }

    /// <summary>The new scores of neighbouring keys.</summary>
    /// <typeparam name="TSimd">The arithmetic of the width.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="score">The scaled scores of <paramref name="query"/> for the keys <paramref name="key"/>, <paramref name="key"/> + 1, ...</param>
    /// <param name="batch">The batch element, or the sequence of a packed call.</param>
    /// <param name="head">The query head.</param>
    /// <param name="query">The query, from 0.</param>
    /// <param name="key">The key of the first lane; later lanes are the keys after it (some may lie past the last key).</param>
    /// <returns>The changed scores.</returns>
    TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;

    /// <summary>The derivative of <see cref="Apply"/> by the score.</summary>
    /// <typeparam name="TSimd">The arithmetic of the width.</typeparam>
    /// <typeparam name="TVector">The vector.</typeparam>
    /// <param name="score">The scaled scores that <see cref="Apply"/> was given, not what it returned.</param>
    /// <param name="batch">The batch element, or the sequence of a packed call.</param>
    /// <param name="head">The query head.</param>
    /// <param name="query">The query, from 0.</param>
    /// <param name="key">The key of the first lane.</param>
    /// <returns>d Apply / d score, lane by lane.</returns>
    TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged;
}
