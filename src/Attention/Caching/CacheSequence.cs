using Attention.Tiles;

namespace Attention.Caching;

/// <summary>One sequence of a cache: its length and its block table, which lies in native memory, where kernels read it.</summary>
internal sealed unsafe class CacheSequence : IDisposable
{
    private const int SmallestTable = 16;

    private NativeBlock? _table;

    internal CacheSequence(int id, int pinnedPages)
    {
        Id = id;
        PinnedPages = pinnedPages;
        FirstPage = pinnedPages;
        EnsureTable(SmallestTable);
    }

    internal int Id { get; }

    internal int Length { get; set; }

    /// <summary>The first pages, which are never forgotten.</summary>
    internal int PinnedPages { get; }

    /// <summary>The first page after the pinned ones that is still there.</summary>
    internal int FirstPage { get; set; }

    /// <summary>One past the last page.</summary>
    internal int EndPage { get; set; }

    /// <summary>Entries of the table.</summary>
    internal int Capacity { get; private set; }

    /// <summary>The memory of a sequence that lies in one piece, its only page.</summary>
    internal NativeBlock? Block { get; set; }

    internal long TableBytes => _table?.Bytes ?? 0;

    internal ref PageSlot this[int page] => ref Slots[SlotOf(page, Capacity)];

    private PageSlot* Slots => (PageSlot*)_table!.Address;

    /// <summary>The sequence as kernels see it.</summary>
    internal CacheView View(int tilesPerPage, nint headStride, int count) => new()
    {
        Slots = Slots,
        PinnedPages = PinnedPages,
        RingPages = Capacity - PinnedPages,
        TilesPerPage = tilesPerPage,
        HeadStride = headStride,
        Length = Length,
        Count = count,
    };

    /// <summary>Makes room for the pages up to <paramref name="endPage"/>, given that those before <see cref="FirstPage"/> are gone.</summary>
    internal void EnsureTable(int endPage)
    {
        int needed = PinnedPages + Math.Max(1, endPage - FirstPage);
        if (needed <= Capacity)
        {
            return;
        }

        int capacity = (int)Math.Min(int.MaxValue, Math.Max(Math.Max(needed, SmallestTable), 2L * Capacity));
        NativeBlock table = new((nint)capacity * sizeof(PageSlot));
        PageSlot* slots = (PageSlot*)table.Address;
        for (int page = 0; page < Math.Min(PinnedPages, EndPage); page++)
        {
            slots[page] = this[page];
        }

        for (int page = FirstPage; page < EndPage; page++)
        {
            slots[SlotOf(page, capacity)] = this[page];
        }

        _table?.Dispose();
        _table = table;
        Capacity = capacity;
    }

    public void Dispose()
    {
        _table?.Dispose();
        Block?.Dispose();
    }

    private int SlotOf(int page, int capacity) =>
        new CacheView { PinnedPages = PinnedPages, RingPages = capacity - PinnedPages }.SlotOf(page);
}
