using System.Runtime.InteropServices;
using Attention.Tiles;

namespace Attention.Caching;

/// <summary>
/// Sequences whose pages come from a pool: taking, sharing, forgetting. A page that others hold too, or that is offered to
/// others, is copied before it is written.
/// </summary>
internal sealed unsafe class PageTables : IDisposable
{
    internal PageTables(nint pageBytes, int pageTokens, int limit)
    {
        Pool = new PagePool(pageBytes, limit);
        PageTokens = pageTokens;
    }

    internal PagePool Pool { get; }

    /// <summary>Tokens of a page.</summary>
    internal int PageTokens { get; }

    /// <summary>Called with each page before it is free again.</summary>
    internal Action<int>? Freed { get; init; }

    /// <summary>Called with the source and the destination of a copied page.</summary>
    internal Action<int, int>? Copied { get; init; }

    internal int PagesOf(int tokens) => (int)(((long)tokens + PageTokens - 1) / PageTokens);

    /// <summary>
    /// Pages that a sequence needs to grow; <paramref name="earlier"/> is how many sequences of the same call leave its last page before it.
    /// </summary>
    internal int PagesNeeded(CacheSequence sequence, int count, int earlier) =>
        count == 0 ? 0 : Math.Max(0, PagesOf(sequence.Length + count) - sequence.EndPage) + (MustCopyTail(sequence, earlier) ? 1 : 0);

    /// <summary>Makes room in a sequence's table for what <see cref="Grow"/> adds, which then cannot fail.</summary>
    internal void EnsureTable(CacheSequence sequence, int count) => sequence.EnsureTable(PagesOf(sequence.Length + count));

    /// <summary>Whether the page that the next token goes to is there already and somebody else's as well.</summary>
    internal bool MustCopyTail(CacheSequence sequence, int earlier) =>
        sequence.Length % PageTokens != 0 && Pool.References(sequence[sequence.Length / PageTokens].Page) - earlier > 1;

    /// <summary>Gives a sequence the pages for more tokens; the pool was prepared for them.</summary>
    internal void Grow(CacheSequence sequence, int count)
    {
        if (count == 0)
        {
            return;
        }

        int endPage = PagesOf(sequence.Length + count);
        sequence.EnsureTable(endPage);
        if (MustCopyTail(sequence, 0))
        {
            ref PageSlot slot = ref sequence[sequence.Length / PageTokens];
            int source = slot.Page;
            Set(ref slot, Pool.Take());
            NativeMemory.Copy(Pool.Address(source), slot.Address, (nuint)Pool.PageBytes);
            Copied?.Invoke(source, slot.Page);
            Release(source);
        }

        for (; sequence.EndPage < endPage; sequence.EndPage++)
        {
            Set(ref sequence[sequence.EndPage], Pool.Take());
        }
    }

    /// <summary>Adds a page that others hold to the end of a sequence.</summary>
    internal void Share(CacheSequence sequence, int page)
    {
        sequence.EnsureTable(sequence.EndPage + 1);
        Pool.AddReference(page);
        Set(ref sequence[sequence.EndPage++], page);
    }

    /// <summary>A new sequence gets all pages of another one.</summary>
    internal void Fork(CacheSequence source, CacheSequence target)
    {
        target.FirstPage = source.FirstPage;
        target.EnsureTable(source.EndPage);
        target.EndPage = source.EndPage;
        target.Length = source.Length;
        for (int page = 0; page < source.EndPage; page++)
        {
            if (page < source.PinnedPages || page >= source.FirstPage)
            {
                Pool.AddReference(source[page].Page);
                target[page] = source[page];
            }
        }
    }

    /// <summary>Gives back the pages behind <paramref name="length"/> tokens.</summary>
    internal void Trim(CacheSequence sequence, int length)
    {
        int endPage = PagesOf(length);
        while (sequence.EndPage > endPage)
        {
            int page = --sequence.EndPage;
            if (page < sequence.PinnedPages || page >= sequence.FirstPage)
            {
                Release(sequence[page].Page);
            }
        }

        if (sequence.EndPage <= sequence.PinnedPages)
        {
            sequence.FirstPage = sequence.PinnedPages;
        }

        sequence.Length = length;
    }

    /// <summary>Gives back the pages before <paramref name="page"/> that are not pinned.</summary>
    internal void Forget(CacheSequence sequence, int page)
    {
        for (; sequence.FirstPage < Math.Min(page, sequence.EndPage); sequence.FirstPage++)
        {
            Release(sequence[sequence.FirstPage].Page);
        }
    }

    public void Dispose() => Pool.Dispose();

    private void Set(ref PageSlot slot, int page)
    {
        slot.Page = page;
        slot.Address = Pool.Address(page);
    }

    private void Release(int page)
    {
        if (Pool.References(page) == 1)
        {
            Freed?.Invoke(page);
        }

        Pool.Release(page);
    }
}
