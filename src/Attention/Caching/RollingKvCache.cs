using Attention.Tiles;

namespace Attention.Caching;

/// <summary>
/// A cache for attention in a window: a query sees the last <see cref="KeyWindow.Size"/> keys up to its own and the first
/// <see cref="KeyWindow.Kept"/>, and what no later query will see is forgotten, so that a sequence of any length takes
/// the memory of its window (Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks").
/// </summary>
/// <remarks>
/// Keys keep their positions: what they are rotated by, where it matters, is the caller's choice. Tokens appended together may be
/// more than the window; they are all kept until the next append.
/// </remarks>
public sealed class RollingKvCache : KvCache
{
    /// <summary>Tokens of a page: few beside any window, enough for a small block table.</summary>
    private const int PageTokens = 64;

    private readonly PageTables _tables;
    private readonly int _pinnedPages;
    private readonly int _rollback;

    /// <summary>A cache without sequences.</summary>
    /// <param name="options">Sizes and storage.</param>
    /// <param name="window">What a query sees; its size must be positive.</param>
    /// <param name="rollback">How many tokens <see cref="KvCache.Trim"/> can take back at any time, beyond those appended last.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// An option is not as said, the window's size is not positive, or another number is negative.
    /// </exception>
    public RollingKvCache(KvCacheOptions options, KeyWindow window, int rollback = 0)
        : base(options)
    {
        if (window.Size <= 0 || window.Kept < 0)
        {
            Throw.OutOfRange(nameof(window), window, $"'{nameof(window)}' is {window}; expected a positive size, and no negative number to keep.");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(rollback);
        Window = window;
        _rollback = rollback;
        _pinnedPages = (int)(((long)window.Kept + PageTokens - 1) / PageTokens);
        _tables = new PageTables(checked(PageTokens / CacheLayout.Tokens * Layout.TileBytes * KeyValueHeads), PageTokens, int.MaxValue);
    }

    /// <inheritdoc/>
    public override KeyWindow Window { get; }

    /// <inheritdoc/>
    public override long AllocatedBytes => _tables.Pool.AllocatedBytes + Sequences.Sum(sequence => sequence.TableBytes);

    internal PageTables Tables => _tables;

    internal override int FirstPosition(CacheSequence sequence, int end) =>
        sequence.FirstPage == _pinnedPages || end <= (long)_pinnedPages * PageTokens ? 0 : sequence.FirstPage * PageTokens;

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _tables.Dispose();
        base.Dispose(disposing);
    }

    private protected override CacheSequence Start(int id) => new(id, _pinnedPages);

    private protected override void Copy(CacheSequence source, CacheSequence target) => _tables.Fork(source, target);

    private protected override void Cut(CacheSequence sequence, int length) => _tables.Trim(sequence, length);

    private protected override void Reserve(ReadOnlySpan<CacheSequence> batch, int newTokens, ReadOnlySpan<int> newLengths)
    {
        // Memory first, so that nothing is forgotten should there be none.
        int needed = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            // Copies of shared pages may be counted once too often, which costs nothing here.
            int count = newLengths.IsEmpty ? newTokens : newLengths[i];
            needed = checked(needed + _tables.PagesNeeded(batch[i], count, 0));
        }

        _tables.Pool.Prepare(Math.Max(0, needed - Forgettable(batch, newTokens, newLengths)));
        for (int i = 0; i < batch.Length; i++)
        {
            int count = newLengths.IsEmpty ? newTokens : newLengths[i];
            if (count > 0)
            {
                _tables.Forget(batch[i], FirstNeededPage(batch[i]));
            }
        }

        for (int i = 0; i < batch.Length; i++)
        {
            _tables.Grow(batch[i], newLengths.IsEmpty ? newTokens : newLengths[i]);
        }
    }

    private protected override CacheView View(CacheSequence sequence, int count)
    {
        int tiles = PageTokens / CacheLayout.Tokens;
        return sequence.View(tiles, tiles * Layout.TileBytes, count);
    }

    /// <summary>The page of the first position that the next token sees, with what may be taken back before it.</summary>
    private int FirstNeededPage(CacheSequence sequence) =>
        Math.Max(_pinnedPages, FirstSeen(Math.Max(0, sequence.Length - _rollback)) / PageTokens);

    /// <summary>Pages that forgetting will free: those that nobody else holds.</summary>
    private int Forgettable(ReadOnlySpan<CacheSequence> batch, int newTokens, ReadOnlySpan<int> newLengths)
    {
        int pages = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            if ((newLengths.IsEmpty ? newTokens : newLengths[i]) > 0)
            {
                for (int page = batch[i].FirstPage; page < Math.Min(FirstNeededPage(batch[i]), batch[i].EndPage); page++)
                {
                    pages += _tables.Pool.References(batch[i][page].Page) == 1 ? 1 : 0;
                }
            }
        }

        return pages;
    }
}
