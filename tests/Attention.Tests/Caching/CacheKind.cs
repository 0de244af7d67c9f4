using Attention.Caching;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Caching;

/// <summary>The caches that tests go through.</summary>
public enum CacheKind
{
    Contiguous,

    /// <summary>With a window that no sequence of the tests reaches, so that it forgets nothing.</summary>
    Rolling,

    Paged16,
    Paged48,

    /// <summary>Pages longer than any sequence of the tests.</summary>
    PagedLong,
}

/// <summary>Makes caches.</summary>
internal static class CacheKinds
{
    internal const int LongPage = 2048;

    internal static IEnumerable<CacheKind> All => Enum.GetValues<CacheKind>();

    internal static KvCacheOptions Options(AttentionShape shape, KvStorage storage = default, SimdWidth width = default) => new()
    {
        KeyValueHeads = shape.KeyValueHeads,
        HeadSize = shape.HeadSize,
        ValueSize = shape.ValueSize,
        Storage = storage,
        Width = width,
    };

    internal static KvCache Create(CacheKind kind, KvCacheOptions options) => kind switch
    {
        CacheKind.Contiguous => new ContiguousKvCache(options),
        CacheKind.Rolling => new RollingKvCache(options, new KeyWindow { Size = LongPage }),
        CacheKind.Paged16 => new PagedKvCache(options, 400),
        CacheKind.Paged48 => new PagedKvCache(options, 200, 48),
        _ => new PagedKvCache(options, 12, LongPage),
    };
}
