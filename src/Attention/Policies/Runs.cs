using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// Runs of keys with 64-bit ends: a query plus an offset may leave the range of <see cref="int"/>, a cut run never does.
/// </summary>
internal static class Runs
{
    /// <summary>The part of [<paramref name="start"/>, <paramref name="end"/>) inside [0, <paramref name="keyLength"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static IndexRange Cut(long start, long end, int keyLength)
    {
        start = Math.Max(start, 0);
        end = Math.Min(end, keyLength);
        return start < end ? new IndexRange((int)start, (int)end) : IndexRange.Empty;
    }

    /// <summary>The smallest run that holds both, where an empty run takes no part.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static IndexRange Hull(IndexRange left, IndexRange right) =>
        left.IsEmpty ? right
        : right.IsEmpty ? left
        : new IndexRange(Math.Min(left.Start, right.Start), Math.Max(left.End, right.End));

    /// <summary>
    /// The coverage of <paramref name="keys"/> by queries that all see the run <paramref name="commonStart"/> up to
    /// <paramref name="commonEnd"/> and together see exactly the run <paramref name="unionStart"/> up to
    /// <paramref name="unionEnd"/> (ends exclusive).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TileCoverage Cover(IndexRange keys, long commonStart, long commonEnd, long unionStart, long unionEnd) =>
        keys.Start >= commonStart && keys.End <= commonEnd ? TileCoverage.Full
        : keys.End <= unionStart || keys.Start >= unionEnd ? TileCoverage.None
        : TileCoverage.Mixed;
}
