using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// A query may attend to its neighbours: <c>query + offset - left &lt;= key &lt;= query + offset + right</c>, both ends
/// inclusive; a negative <c>left</c> or <c>right</c> leaves that side unbounded.
/// </summary>
/// <remarks>
/// <para>
/// A causal window is <c>right = 0</c>; "a window of w tokens, the query's own included" is <c>left = w - 1</c>. The offset
/// means what it means for <see cref="CausalMask"/>. The default value allows <c>key = query</c> alone.
/// </para>
/// <para>A row whose window lies outside the keys sees none: its output is 0 and its log-sum-exp negative infinity.</para>
/// <para>Beltagy, Peters and Cohan, "Longformer: The Long-Document Transformer", 2020, section 3.1.</para>
/// </remarks>
public readonly struct WindowMask : IAttentionMask
{
    // Further than any difference of two positions and an offset, and far from overflowing a long.
    private const long Unbounded = 1L << 40;

    private readonly BatchValues _offsets;
    private readonly int _left;
    private readonly int _right;

    /// <summary>A window with the same offset for every batch element.</summary>
    /// <param name="left">How many keys before its own a query sees; negative means all.</param>
    /// <param name="right">How many keys after its own a query sees; negative means all.</param>
    /// <param name="offset">The key that stands beside query 0.</param>
    public WindowMask(int left, int right, int offset = 0)
        : this(left, right, new BatchValues(offset))
    {
    }

    private WindowMask(int left, int right, BatchValues offsets)
    {
        _left = left;
        _right = right;
        _offsets = offsets;
    }

    /// <inheritdoc/>
    public static bool IsInterval => true;

    private long Left => _left < 0 ? Unbounded : _left;

    private long Right => _right < 0 ? Unbounded : _right;

    /// <summary>A window with an own offset for every batch element or packed sequence.</summary>
    /// <param name="left">How many keys before its own a query sees; negative means all.</param>
    /// <param name="right">How many keys after its own a query sees; negative means all.</param>
    /// <param name="offsets">
    /// The offsets, shape <c>[batch]</c>. The array is kept, not copied: it may be changed between calls, not during one.
    /// </param>
    /// <returns>The mask.</returns>
    /// <exception cref="ArgumentNullException"><paramref name="offsets"/> is null.</exception>
    /// <exception cref="ArgumentException"><paramref name="offsets"/> is empty.</exception>
    public static WindowMask PerBatch(int left, int right, int[] offsets) =>
        new(left, right, BatchValues.Create(offsets, nameof(offsets), allowNegative: true));

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask =>
        Self.Of<TMask, WindowMask>(in mask)._offsets.CheckBatch(batch, nameof(mask), "offsets");

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key)
    {
        long distance = key - ((long)query + _offsets[batch]);
        return distance >= -Left && distance <= Right;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        // The windows of neighbouring queries overlap or touch, so their union has no gap.
        long first = (long)queries.Start + _offsets[batch];
        long last = (long)queries.End - 1 + _offsets[batch];
        return Runs.Cover(keys, last - Left, first + Right + 1, first - Left, last + Right + 1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        long offset = _offsets[batch];
        return Runs.Cut(queries.Start + offset - Left, queries.End + offset + Right, keyLength);
    }
}
