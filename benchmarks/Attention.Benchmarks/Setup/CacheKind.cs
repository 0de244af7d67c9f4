namespace Attention.Benchmarks.Setup;

/// <summary>The caches that benchmarks go through.</summary>
public enum CacheKind
{
    Contiguous,

    /// <summary>With a window that no sequence reaches, so that it forgets nothing and computes the same.</summary>
    Rolling,

    Paged,
}
