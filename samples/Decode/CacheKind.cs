using Attention.Caching;

namespace Decode;

/// <summary>A kind of cache, and how many generated tokens must be those of the contiguous cache of the same storage.</summary>
internal sealed record CacheKind(string Name, Func<KvCacheOptions, KvCache> Create, int TokensThatMustAgree)
{
    /// <summary>The rolling cache sees everything until its window is full: from then on it may say something else.</summary>
    internal static CacheKind[] All(int promptLength, int generated)
    {
        int size = promptLength + generated / 4;
        KeyWindow window = new() { Size = size, Kept = 4 };
        return
        [
            new("contiguous", options => new ContiguousKvCache(options), generated),
            new("rolling", options => new RollingKvCache(options, window), size - promptLength + 1),
            new("paged", Paged, generated),
        ];
    }

    internal static PagedKvCache Paged(KvCacheOptions options) => new(options, pages: 256);
}
