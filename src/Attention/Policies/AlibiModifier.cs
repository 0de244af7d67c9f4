using System.Numerics;
using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Policies;

/// <summary>
/// Attention with linear biases: <c>score - slope[head] * |query + offset - key|</c>, so that far keys count less. The
/// derivative is 1.
/// </summary>
/// <remarks>
/// Distances are exact up to 2^24. The default value has no slopes and fits no call.
/// Press, Smith and Lewis, "Train Short, Test Long: Attention with Linear Biases Enables Input Length Extrapolation", 2022.
/// </remarks>
public readonly struct AlibiModifier : IScoreModifier
{
    private readonly float[] _slopes;
    private readonly BatchValues _offsets;

    /// <summary>The slopes of the paper, see <see cref="Slopes"/>.</summary>
    /// <param name="heads">The query heads.</param>
    /// <param name="offset">
    /// The key that stands beside query 0, as for <see cref="CausalMask"/>; keyLength - queryLength to align the ends.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="heads"/> is not positive.</exception>
    public AlibiModifier(int heads, int offset = 0)
    {
        _slopes = Slopes(heads);
        _offsets = new BatchValues(offset);
    }

    /// <summary>Slopes of one's own.</summary>
    /// <param name="slopes">One per query head, shape <c>[heads]</c>; copied.</param>
    /// <param name="offset">The key that stands beside query 0, as for <see cref="CausalMask"/>.</param>
    /// <exception cref="ArgumentException"><paramref name="slopes"/> is empty or has an entry that is not finite.</exception>
    public AlibiModifier(ReadOnlySpan<float> slopes, int offset = 0)
        : this(slopes, new BatchValues(offset))
    {
    }

    private AlibiModifier(ReadOnlySpan<float> slopes, BatchValues offsets)
    {
        if (slopes.IsEmpty)
        {
            throw new ArgumentException($"'{nameof(slopes)}' is empty; it needs an entry for each head.", nameof(slopes));
        }

        for (int head = 0; head < slopes.Length; head++)
        {
            if (!float.IsFinite(slopes[head]))
            {
                throw new ArgumentException($"'{nameof(slopes)}'[{head}] is {slopes[head]}; it must be finite.", nameof(slopes));
            }
        }

        _slopes = slopes.ToArray();
        _offsets = offsets;
    }

    /// <summary>An own offset for every batch element or packed sequence.</summary>
    /// <param name="slopes">One per query head, shape <c>[heads]</c>; copied.</param>
    /// <param name="offsets">
    /// The offsets, shape <c>[batch]</c>. The array is kept, not copied: it may be changed between calls, not during one.
    /// </param>
    /// <returns>The modifier.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="offsets"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// <paramref name="slopes"/> is empty or has an entry that is not finite, or <paramref name="offsets"/> is empty.
    /// </exception>
    public static AlibiModifier PerBatch(ReadOnlySpan<float> slopes, int[] offsets) =>
        new(slopes, BatchValues.Create(offsets, nameof(offsets), allowNegative: true));

    /// <summary>
    /// The slopes of the paper: <c>2^(-8 (head + 1) / heads)</c> for a power of two; for any other number those of the power
    /// of two below it, followed by every other one of the power of two above it.
    /// </summary>
    /// <param name="heads">The query heads.</param>
    /// <returns>The slopes, shape <c>[heads]</c>.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="heads"/> is not positive.</exception>
    public static float[] Slopes(int heads)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(heads);
        int power = 1 << BitOperations.Log2((uint)heads);
        float[] slopes = new float[heads];
        for (int head = 0; head < heads; head++)
        {
            double exponent = head < power ? (head + 1.0) / power : (head - power + 0.5) / power;
            slopes[head] = (float)Math.Pow(2, -8 * exponent);
        }

        return slopes;
    }

    /// <inheritdoc/>
    public static void CheckCall<TModifier>(in TModifier modifier, int batch, int heads, int queryLength, int keyLength)
        where TModifier : struct, IScoreModifier
    {
        ref readonly AlibiModifier self = ref Self.Of<TModifier, AlibiModifier>(in modifier);
        if (self._slopes is null || self._slopes.Length != heads)
        {
            throw new ArgumentException(
                $"'{nameof(modifier)}' has {self._slopes?.Length ?? 0} slopes; the call has {heads} heads.", nameof(modifier));
        }

        self._offsets.CheckBatch(batch, nameof(modifier), "offsets");
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Apply<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector distance = TSimd.Abs(TSimd.Subtract(TSimd.Create((long)query + _offsets[batch] - key), TSimd.Lanes));
        return TSimd.MultiplyAdd(distance, TSimd.Create(-_slopes[head]), score);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TVector Derivative<TSimd, TVector>(TVector score, int batch, int head, int query, int key)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TSimd.Create(1f);
}
