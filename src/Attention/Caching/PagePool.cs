namespace Attention.Caching;

/// <summary>
/// Pages of one size with a reference count each. Memory is taken a slab at a time when pages are first needed, and kept: pages
/// that are given back are used again, the last one first, since it is the likeliest to be in a processor's cache.
/// </summary>
internal sealed unsafe class PagePool : IDisposable
{
    /// <summary>Bytes of a slab at least: so much that allocating it is nothing beside filling it.</summary>
    private const long SlabBytes = 1 << 20;

    private readonly List<NativeBlock> _slabs = [];
    private readonly int _limit;
    private readonly int _pagesPerSlab;
    private int[] _references = [];
    private int[] _free = [];
    private int _freeCount;
    private int _count;

    internal PagePool(nint pageBytes, int limit)
    {
        PageBytes = pageBytes;
        _limit = limit;
        _pagesPerSlab = (int)Math.Clamp(SlabBytes / pageBytes, 1, limit);
    }

    internal nint PageBytes { get; }

    /// <summary>Pages that somebody holds.</summary>
    internal int InUse => _count - _freeCount;

    /// <summary>Pages that can still be taken.</summary>
    internal int Available => _limit - InUse;

    internal long AllocatedBytes
    {
        get
        {
            long bytes = 0;
            foreach (NativeBlock slab in _slabs)
            {
                bytes += slab.Bytes;
            }

            return bytes;
        }
    }

    internal byte* Address(int page) => _slabs[page / _pagesPerSlab].Address + page % _pagesPerSlab * PageBytes;

    internal int References(int page) => _references[page];

    /// <summary>Makes sure that so many pages can be taken without fail; the caller has looked at <see cref="Available"/>.</summary>
    internal void Prepare(int pages)
    {
        while (_freeCount < pages)
        {
            int added = Math.Min(_pagesPerSlab, _limit - _count);
            NativeBlock slab = new(added * PageBytes);
            int capacity = _count + added;
            if (_references.Length < capacity)
            {
                int rounded = (int)Math.Min(_limit, Math.Max(capacity, 2L * _references.Length));
                Array.Resize(ref _references, rounded);
                Array.Resize(ref _free, rounded);
            }

            _slabs.Add(slab);
            for (int page = capacity - 1; page >= _count; page--)
            {
                _free[_freeCount++] = page;
            }

            _count = capacity;
        }
    }

    /// <summary>Takes a page that <see cref="Prepare"/> has made sure of; its reference count is one.</summary>
    internal int Take()
    {
        int page = _free[--_freeCount];
        _references[page] = 1;
        return page;
    }

    internal void AddReference(int page) => _references[page]++;

    /// <summary>Gives a reference back; says whether it was the last one, with which the page is free.</summary>
    internal bool Release(int page)
    {
        if (--_references[page] > 0)
        {
            return false;
        }

        NativeBlock.Poison(Address(page), PageBytes);
        _free[_freeCount++] = page;
        return true;
    }

    public void Dispose() => _slabs.ForEach(slab => slab.Dispose());
}
