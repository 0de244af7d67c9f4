using Attention.Simd;

namespace Attention.Caching;

/// <summary>The sizes of a cache and how it stores its numbers.</summary>
public sealed record KvCacheOptions
{
    /// <summary>Heads of keys and values; a positive number, which divides that of the query heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>The size of a key, positive.</summary>
    public required int HeadSize { get; init; }

    /// <summary>The size of a value; 0, the default, means as <see cref="HeadSize"/>.</summary>
    public int ValueSize { get; init; }

    /// <summary>How numbers are stored.</summary>
    public KvStorage Storage { get; init; }

    /// <summary>How many threads may append at once; 0 means one for each processor.</summary>
    public int MaxDegreeOfParallelism { get; init; }

    /// <summary>The vector width of appending; <see cref="SimdWidth.Automatic"/> outside tests. Every width stores the same bits.</summary>
    public SimdWidth Width { get; init; }
}
