using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>A query may attend to a key if both masks allow it.</summary>
/// <typeparam name="TLeft">The one mask.</typeparam>
/// <typeparam name="TRight">The other mask.</typeparam>
/// <param name="left">The one mask; asked first.</param>
/// <param name="right">The other mask.</param>
/// <remarks>What two intervals share is an interval, so two interval masks give one.</remarks>
public readonly struct AndMask<TLeft, TRight>(TLeft left, TRight right) : IAttentionMask
    where TLeft : struct, IAttentionMask
    where TRight : struct, IAttentionMask
{
    private readonly TLeft _left = left;
    private readonly TRight _right = right;

    /// <inheritdoc/>
    public static bool IsInterval => TLeft.IsInterval && TRight.IsInterval;

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask
    {
        ref readonly AndMask<TLeft, TRight> self = ref Self.Of<TMask, AndMask<TLeft, TRight>>(in mask);
        TLeft.CheckCall(in self._left, batch, heads, queryLength, keyLength);
        TRight.CheckCall(in self._right, batch, heads, queryLength, keyLength);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key) =>
        _left.Allows(batch, head, query, key) && _right.Allows(batch, head, query, key);

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        TileCoverage left = _left.Cover(batch, head, queries, keys);
        if (left == TileCoverage.None)
        {
            return TileCoverage.None;
        }

        TileCoverage right = _right.Cover(batch, head, queries, keys);
        return right == TileCoverage.None || left == TileCoverage.Full ? right
            : right == TileCoverage.Full ? left
            : TileCoverage.Mixed;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        IndexRange left = _left.KeyBounds(batch, head, queries, keyLength);
        IndexRange shared = left.Intersect(_right.KeyBounds(batch, head, queries, keyLength));
        return shared.IsEmpty ? IndexRange.Empty : shared;
    }
}
