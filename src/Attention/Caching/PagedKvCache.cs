using System.Numerics.Tensors;
using Attention.Tiles;

namespace Attention.Caching;

/// <summary>
/// A cache of a fixed number of pages that all sequences share, read in place through a block table each (Kwon et al. 2023,
/// "Efficient Memory Management for Large Language Model Serving with PagedAttention"). A sequence wastes less than a page.
/// </summary>
/// <remarks>
/// <see cref="KvCache.Fork"/> shares all pages, counts their references, and copies a page when one of its holders writes to it.
/// Sequences that begin with the same tokens can share full pages too, see <see cref="AddWithPrefix"/>. Where there are too
/// few pages, <see cref="OutOfPagesException"/> is thrown before anything changes.
/// </remarks>
public sealed class PagedKvCache : KvCache
{
    private readonly PageTables _tables;
    private readonly PrefixIndex _prefixes;

    /// <summary>A cache without sequences.</summary>
    /// <param name="options">Sizes and storage.</param>
    /// <param name="pages">How many pages there are; their memory is taken when they are first used.</param>
    /// <param name="pageSize">Tokens of a page, a multiple of 16.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// An option is not as said, <paramref name="pages"/> is not positive, or <paramref name="pageSize"/> is no positive multiple of 16.
    /// </exception>
    public PagedKvCache(KvCacheOptions options, int pages, int pageSize = 16)
        : base(options)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(pages);
        CacheCheck.PageSize(pageSize, nameof(pageSize));
        Pages = pages;
        PageSize = pageSize;
        _prefixes = new PrefixIndex(pages, pageSize);
        _tables = new PageTables(checked(pageSize / CacheLayout.Tokens * Layout.TileBytes * KeyValueHeads), pageSize, pages)
        {
            Freed = page => _prefixes.Forget(page, 0),
            Copied = _prefixes.Copy,
        };
    }

    /// <summary>How many pages there are.</summary>
    public int Pages { get; }

    /// <summary>Tokens of a page.</summary>
    public int PageSize { get; }

    /// <summary>Pages that some sequence holds.</summary>
    public int PagesInUse => _tables.Pool.InUse;

    /// <inheritdoc/>
    public override long AllocatedBytes => _tables.Pool.AllocatedBytes + Sequences.Sum(sequence => sequence.TableBytes);

    internal PageTables Tables => _tables;

    internal PrefixIndex Prefixes => _prefixes;

    /// <summary>
    /// Starts a sequence that shares the full pages of another one that begins with the same tokens, so that these need not be
    /// computed again. <see cref="KvCache.Length"/> says how many tokens it has: a whole number of pages, and at least one token
    /// less than were asked for, since somebody must compute the query of the last one.
    /// </summary>
    /// <param name="tokens">What the sequence is to begin with; any numbers that say what a token is.</param>
    /// <returns>Its number.</returns>
    /// <remarks>
    /// Found is what was appended with its tokens to a sequence that still holds it, from its first token on. Where several
    /// sequences computed the same tokens each by itself, only the pages of the first are found, and as long as it holds them.
    /// Tokens are compared one by one; a hash alone decides nothing.
    /// </remarks>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public int AddWithPrefix(ReadOnlySpan<int> tokens)
    {
        int id = Add();
        CacheSequence sequence = Find(id, nameof(tokens));
        int previous = PrefixIndex.NoPage;
        for (int start = 0; start + PageSize < tokens.Length; start += PageSize)
        {
            int page = _prefixes.Find(previous, tokens.Slice(start, PageSize));
            if (page == PrefixIndex.NoPage)
            {
                break;
            }

            _tables.Share(sequence, page);
            sequence.Length += PageSize;
            previous = page;
        }

        return id;
    }

    /// <summary>Adds tokens to the ends of sequences and says which they are, so that others can share them.</summary>
    /// <param name="sequences">Their numbers, one for each batch element, none twice.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, newTokens, headSize]</c>, copied.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, newTokens, valueSize]</c>, copied.</param>
    /// <param name="newLengths">How many of the new tokens, from the first on, each batch element has; empty for all of them.</param>
    /// <param name="tokens">The tokens, <c>[batch, newTokens]</c>; see <see cref="AddWithPrefix"/>.</param>
    /// <exception cref="ArgumentException">
    /// A shape, stride or number of tokens is not as said, a sequence is not in the cache or named twice, or a length is not in [0, newTokens];
    /// nothing has changed.
    /// </exception>
    /// <exception cref="OutOfPagesException">There are too few free pages; nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public void Append(
        ReadOnlySpan<int> sequences, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        ReadOnlySpan<int> newLengths, ReadOnlySpan<int> tokens)
    {
        int newTokens = key.Rank == 4 && key.Lengths[2] <= int.MaxValue ? (int)key.Lengths[2] : 0;
        if (key.Rank == 4 && tokens.Length != (long)sequences.Length * newTokens)
        {
            Throw.Argument(nameof(tokens), $"'{nameof(tokens)}' has {tokens.Length} elements; expected [batch, newTokens] = [{sequences.Length}, {newTokens}].");
        }

        Append(sequences, key, value, newLengths);
        for (int i = 0; i < sequences.Length; i++)
        {
            int count = newLengths.IsEmpty ? newTokens : newLengths[i];
            Note(Find(sequences[i], nameof(sequences)), tokens.Slice(i * newTokens, count));
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _tables.Dispose();
        base.Dispose(disposing);
    }

    private protected override CacheSequence Start(int id) => new(id, 0);

    private protected override void Copy(CacheSequence source, CacheSequence target) => _tables.Fork(source, target);

    private protected override void Cut(CacheSequence sequence, int length) => _tables.Trim(sequence, length);

    private protected override void Reserve(ReadOnlySpan<CacheSequence> batch, int newTokens, ReadOnlySpan<int> newLengths)
    {
        long needed = 0;
        for (int i = 0; i < batch.Length; i++)
        {
            needed += _tables.PagesNeeded(batch[i], CountOf(i, newTokens, newLengths), Leaving(batch, i, newTokens, newLengths));
        }

        if (needed > _tables.Pool.Available)
        {
            throw new OutOfPagesException((int)Math.Min(needed, int.MaxValue), _tables.Pool.Available);
        }

        // What may fail for want of memory comes before the first page changes hands.
        _tables.Pool.Prepare((int)needed);
        for (int i = 0; i < batch.Length; i++)
        {
            _tables.EnsureTable(batch[i], CountOf(i, newTokens, newLengths));
        }

        for (int i = 0; i < batch.Length; i++)
        {
            int count = CountOf(i, newTokens, newLengths);
            _tables.Grow(batch[i], count);
            if (count > 0 && batch[i].Length % PageSize != 0)
            {
                _prefixes.Forget(batch[i][batch[i].Length / PageSize].Page, batch[i].Length % PageSize);
            }
        }
    }

    private protected override CacheView View(CacheSequence sequence, int count)
    {
        int tiles = PageSize / CacheLayout.Tokens;
        return sequence.View(tiles, tiles * Layout.TileBytes, count);
    }

    private static int CountOf(int index, int newTokens, ReadOnlySpan<int> newLengths) => newLengths.IsEmpty ? newTokens : newLengths[index];

    /// <summary>
    /// How many sequences before this one in the batch hold the same last page and will have left it for a copy: the last
    /// holder keeps the page itself.
    /// </summary>
    private int Leaving(ReadOnlySpan<CacheSequence> batch, int index, int newTokens, ReadOnlySpan<int> newLengths)
    {
        int leaving = 0;
        if (batch[index].Length % PageSize != 0)
        {
            int page = TailOf(batch[index]);
            for (int i = 0; i < index; i++)
            {
                bool grows = CountOf(i, newTokens, newLengths) > 0 && batch[i].Length % PageSize != 0;
                leaving += grows && TailOf(batch[i]) == page ? 1 : 0;
            }
        }

        return leaving;
    }

    private int TailOf(CacheSequence sequence) => sequence[sequence.Length / PageSize].Page;

    /// <summary>Tells the index the tokens just appended, page by page.</summary>
    private void Note(CacheSequence sequence, ReadOnlySpan<int> tokens)
    {
        int position = sequence.Length - tokens.Length;
        while (!tokens.IsEmpty)
        {
            int page = position / PageSize;
            int slot = position % PageSize;
            int count = Math.Min(PageSize - slot, tokens.Length);
            int previous = page == 0 ? PrefixIndex.NoPage : sequence[page - 1].Page;
            _prefixes.Note(sequence[page].Page, previous, slot, tokens[..count]);
            position += count;
            tokens = tokens[count..];
        }
    }
}
