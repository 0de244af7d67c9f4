namespace Attention.Caching;

/// <summary>
/// Full pages by the tokens that they and all pages before them hold, so that a new sequence that begins alike can share them. A
/// page is found by a hash of its tokens and of the page before it, and then compared, token by token.
/// </summary>
/// <remarks>
/// A page in the index always has its predecessor there: a sequence gives up pages from its end, and whoever holds a page
/// holds all before it. So a predecessor's number stands for everything up to it.
/// </remarks>
internal sealed class PrefixIndex
{
    /// <summary>The predecessor of a first page.</summary>
    internal const int NoPage = -1;

    private readonly int _pageTokens;
    private readonly int _pages;
    private readonly Dictionary<ulong, int> _byHash = [];
    private Entry[] _entries = [];
    private int[] _tokens = [];

    internal PrefixIndex(int pages, int pageTokens)
    {
        _pages = pages;
        _pageTokens = pageTokens;
    }

    /// <summary>Pages that can be found.</summary>
    internal int Count => _byHash.Count;

    /// <summary>The page that holds these tokens after <paramref name="previous"/>, or <see cref="NoPage"/>.</summary>
    internal int Find(int previous, ReadOnlySpan<int> tokens) =>
        _byHash.TryGetValue(Hash(previous, tokens), out int page) && _entries[page].Previous == previous && TokensOf(page).SequenceEqual(tokens)
            ? page
            : NoPage;

    /// <summary>Remembers the tokens of slots of a page; once all are known, and its predecessor is in the index, so is the page.</summary>
    internal void Note(int page, int previous, int slot, ReadOnlySpan<int> tokens)
    {
        if (_entries.Length == 0)
        {
            // All at once: afterwards nothing is allocated, however many pages come to use.
            _entries = new Entry[_pages];
            _tokens = new int[checked(_pages * _pageTokens)];
            _byHash.EnsureCapacity(_pages);
        }

        ref Entry entry = ref _entries[page];
        if (entry.Known < slot)
        {
            return;
        }

        tokens.CopyTo(TokensOf(page)[slot..]);
        entry.Known = slot + tokens.Length;
        if (entry.Known == _pageTokens && (previous == NoPage || _entries[previous].IsListed))
        {
            // Where two sequences came to the same tokens by themselves, the first one's page is the one to share.
            ulong hash = Hash(previous, TokensOf(page));
            entry.IsListed = _byHash.TryAdd(hash, page);
            entry.Hash = hash;
            entry.Previous = previous;
        }
    }

    /// <summary>Forgets what is known from <paramref name="slot"/> on, since it is overwritten or gone.</summary>
    internal void Forget(int page, int slot)
    {
        if (page < _entries.Length)
        {
            ref Entry entry = ref _entries[page];
            if (entry.IsListed)
            {
                _byHash.Remove(entry.Hash);
                entry.IsListed = false;
            }

            entry.Known = Math.Min(entry.Known, slot);
        }
    }

    /// <summary>A copy knows the same tokens, but is not the page to share.</summary>
    internal void Copy(int source, int target)
    {
        if (_entries.Length > 0)
        {
            _entries[target] = new Entry { Known = _entries[source].Known };
            TokensOf(source).CopyTo(TokensOf(target));
        }
    }

    private Span<int> TokensOf(int page) => _tokens.AsSpan(page * _pageTokens, _pageTokens);

    private static ulong Hash(int previous, ReadOnlySpan<int> tokens)
    {
        ulong hash = (uint)previous;
        foreach (int token in tokens)
        {
            // The odd constant of Fibonacci hashing (Knuth, TAOCP 3, 6.4), and its well-mixed upper half brought down.
            hash = (hash ^ (uint)token) * 0x9E37_79B9_7F4A_7C15;
            hash ^= hash >> 32;
        }

        return hash;
    }

    private struct Entry
    {
        internal ulong Hash;
        internal int Previous;

        /// <summary>Slots, from the first on, whose tokens are known.</summary>
        internal int Known;

        internal bool IsListed;
    }
}
