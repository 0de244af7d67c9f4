namespace Attention.Tiles;

/// <summary>
/// The keys that one query sees: the first few that are kept, and a run up to its own. Counted from the start of the sequence
/// or, after <see cref="In"/>, of a piece.
/// </summary>
/// <param name="Kept">The first keys; empty where the run holds them too.</param>
/// <param name="Run">The run.</param>
internal readonly record struct CacheKeys(IndexRange Kept, IndexRange Run)
{
    internal bool IsEmpty => Kept.IsEmpty && Run.IsEmpty;

    /// <summary>The keys of the query at a position, which may lie before the sequence and then sees none.</summary>
    /// <param name="position">The position.</param>
    /// <param name="window">How many keys up to its own it sees; 0 for all.</param>
    /// <param name="kept">How many first keys it sees whatever the window.</param>
    internal static CacheKeys At(int position, int window, int kept)
    {
        int end = Math.Max(0, position + 1);
        int start = window == 0 ? 0 : Math.Max(0, end - window);
        return start <= kept
            ? new CacheKeys(default, new IndexRange(0, end))
            : new CacheKeys(new IndexRange(0, kept), new IndexRange(start, end));
    }

    /// <summary>Those of a piece, counted from its start.</summary>
    internal CacheKeys In(IndexRange piece) => new(Shift(Kept.Intersect(piece), piece.Start), Shift(Run.Intersect(piece), piece.Start));

    private static IndexRange Shift(IndexRange range, int by) => range.IsEmpty ? default : new IndexRange(range.Start - by, range.End - by);
}
