using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Keeps scores between -cap and cap: <c>cap * tanh(score / cap)</c>, with derivative <c>1 - tanh(score / cap)^2</c>.
/// </summary>
/// <remarks>
/// Infinite scores become the cap. The default value has no cap and fits no call.
/// Gemma Team, "Gemma 2: Improving Open Language Models at a Practical Size", 2024, section 2.
/// </remarks>
public readonly struct SoftCapModifier : IScoreModifier
{
    private readonly float _cap;
    private readonly float _inverse;

    /// <summary>A soft cap.</summary>
    /// <param name="cap">The bound of the scores.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="cap"/> is not positive, not finite, or subnormal (its reciprocal would overflow).
    /// </exception>
    public SoftCapModifier(float cap)
    {
        if (!float.IsNormal(cap) || cap < 0)
        {
            throw new ArgumentOutOfRangeException(
                nameof(cap), cap, $"'{nameof(cap)}' is {cap}; it must be positive, finite and not subnormal.");
        }

        _cap = cap;
        _inverse = 1 / cap;
    }

    /// <summary>The bound of the scores.</summary>
    public float Cap => _cap;

    /// <inheritdoc/>
    public static void CheckCall<TModifier>(in TModifier modifier, int batch, int heads, int queryLength, int keyLength)
        where TModifier : struct, IScoreModifier
    {
        if (Self.Of<TModifier, SoftCapModifier>(in modifier)._cap == 0)
        {
            throw new ArgumentException($"'{nameof(modifier)}' is a default value without a cap.", nameof(modifier));
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Multiply(TSimd.Create(_cap), VectorMath.Tanh<TSimd, TVector>(TSimd.Multiply(score, TSimd.Create(_inverse))));

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector tanh = VectorMath.Tanh<TSimd, TVector>(TSimd.Multiply(score, TSimd.Create(_inverse)));
        return TSimd.MultiplyAdd(TSimd.Subtract(TSimd.Zero, tanh), tanh, TSimd.Create(1f));
    }
}
