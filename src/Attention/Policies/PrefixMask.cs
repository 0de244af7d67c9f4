using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// Every query may attend to the whole prefix, and beyond it to itself and what came before:
/// <c>key &lt; prefixLength[batch]</c> or <c>key &lt;= query + offset</c>.
/// </summary>
/// <remarks>
/// The offset means what it means for <see cref="CausalMask"/>. The default value has no prefix and is
/// <see cref="CausalMask.TopLeft"/>. A row that sees no key has output 0 and log-sum-exp negative infinity.
/// The prefix language model of Raffel et al., "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
/// Transformer", 2020, section 3.2.1.
/// </remarks>
public readonly struct PrefixMask : IAttentionMask
{
    private readonly BatchValues _prefixLengths;
    private readonly int _offset;

    /// <summary>The same prefix length for every batch element.</summary>
    /// <param name="prefixLength">How many keys belong to the prefix; more than there are means all.</param>
    /// <param name="offset">The key that stands beside query 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="prefixLength"/> is negative.</exception>
    public PrefixMask(int prefixLength, int offset = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(prefixLength);
        _prefixLengths = new BatchValues(prefixLength);
        _offset = offset;
    }

    /// <summary>An own prefix length for every batch element or packed sequence.</summary>
    /// <param name="prefixLengths">
    /// How many keys belong to the prefix, shape <c>[batch]</c>. The array is kept, not copied: it may be changed between
    /// calls, not during one.
    /// </param>
    /// <param name="offset">The key that stands beside query 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="prefixLengths"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="prefixLengths"/> is empty or has a negative entry.</exception>
    public PrefixMask(int[] prefixLengths, int offset = 0)
    {
        _prefixLengths = BatchValues.Create(prefixLengths, nameof(prefixLengths), allowNegative: false);
        _offset = offset;
    }

    /// <inheritdoc/>
    public static bool IsInterval => true;

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask =>
        Self.Of<TMask, PrefixMask>(in mask)._prefixLengths.CheckBatch(batch, nameof(mask), "prefix lengths");

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key) =>
        key < _prefixLengths[batch] || key <= (long)query + _offset;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        long prefix = _prefixLengths[batch];
        long commonEnd = Math.Max(prefix, (long)queries.Start + _offset + 1);
        long unionEnd = Math.Max(prefix, (long)queries.End + _offset);
        return Runs.Cover(keys, 0, commonEnd, 0, unionEnd);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) =>
        Runs.Cut(0, Math.Max(_prefixLengths[batch], (long)queries.End + _offset), keyLength);
}
