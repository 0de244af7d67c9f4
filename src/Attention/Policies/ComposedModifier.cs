using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>Two modifiers, one after the other: <c>second(first(score))</c>, with the chain rule for the derivative.</summary>
/// <typeparam name="TFirst">The modifier that sees the score.</typeparam>
/// <typeparam name="TSecond">The modifier that sees what the first one made of it.</typeparam>
/// <param name="first">The modifier that sees the score.</param>
/// <param name="second">The modifier that sees what the first one made of it.</param>
public readonly struct ComposedModifier<TFirst, TSecond>(TFirst first, TSecond second) : IScoreModifier
    where TFirst : struct, IScoreModifier
    where TSecond : struct, IScoreModifier
{
    private readonly TFirst _first = first;
    private readonly TSecond _second = second;

    /// <inheritdoc/>
    public static void CheckCall<TModifier>(in TModifier modifier, int batch, int heads, int queryLength, int keyLength)
        where TModifier : struct, IScoreModifier
    {
        ref readonly ComposedModifier<TFirst, TSecond> self =
            ref Self.Of<TModifier, ComposedModifier<TFirst, TSecond>>(in modifier);
        TFirst.CheckCall(in self._first, batch, heads, queryLength, keyLength);
        TSecond.CheckCall(in self._second, batch, heads, queryLength, keyLength);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector changed = _first.Apply<TSimd, TVector>(score, batch, head, query, key);
        return _second.Apply<TSimd, TVector>(changed, batch, head, query, key);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector changed = _first.Apply<TSimd, TVector>(score, batch, head, query, key);
        return TSimd.Multiply(
            _second.Derivative<TSimd, TVector>(changed, batch, head, query, key),
            _first.Derivative<TSimd, TVector>(score, batch, head, query, key));
    }
}
