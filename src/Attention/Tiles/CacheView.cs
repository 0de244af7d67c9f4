namespace Attention.Tiles;

/// <summary>An entry of a block table: where a page is, and its number in the pool.</summary>
internal unsafe struct PageSlot
{
    internal byte* Address;
    internal int Page;
}

/// <summary>
/// Where the tiles of one sequence are. A page holds, for each key head, a run of tiles; the block table says where the pages
/// are. The first pages may be pinned, the others take turns in the rest of the table, so that a sequence that forgets keeps
/// a small table. A cache in one piece is a single page.
/// </summary>
internal unsafe struct CacheView
{
    internal PageSlot* Slots;

    /// <summary>Entries of the table for pages that never move: pages 0 to this.</summary>
    internal int PinnedPages;

    /// <summary>Entries that the later pages share in turn.</summary>
    internal int RingPages;

    /// <summary>Tiles of a head in a page.</summary>
    internal int TilesPerPage;

    /// <summary>Bytes from one head to the next in a page.</summary>
    internal nint HeadStride;

    /// <summary>Tokens of the sequence.</summary>
    internal int Length;

    /// <summary>The new tokens of an append, or the queries of a call: those of the last positions.</summary>
    internal int Count;

    /// <summary>The entry of a page.</summary>
    internal readonly int SlotOf(int page) => page < PinnedPages ? page : PinnedPages + (page - PinnedPages) % RingPages;

    /// <summary>The tile of a head that holds the tokens from <c>16 index</c> on.</summary>
    internal readonly byte* Tile(int head, int index, nint tileBytes) =>
        Slots[SlotOf(index / TilesPerPage)].Address + head * HeadStride + index % TilesPerPage * tileBytes;
}
