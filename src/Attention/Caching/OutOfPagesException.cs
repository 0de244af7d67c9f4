namespace Attention.Caching;

/// <summary>
/// A paged cache has too few free pages for what was asked. Nothing has changed: every sequence is as it was, and the call can
/// be made again after <see cref="KvCache.Free"/> or <see cref="KvCache.Trim"/> have given pages back.
/// </summary>
public sealed class OutOfPagesException : InvalidOperationException
{
    /// <summary>Makes an exception without numbers.</summary>
    public OutOfPagesException()
    {
    }

    /// <summary>Makes an exception without numbers.</summary>
    /// <param name="message">What happened.</param>
    public OutOfPagesException(string message)
        : base(message)
    {
    }

    /// <summary>Makes an exception without numbers.</summary>
    /// <param name="message">What happened.</param>
    /// <param name="innerException">Why.</param>
    public OutOfPagesException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>Makes an exception.</summary>
    /// <param name="pagesNeeded">Pages that the call needed.</param>
    /// <param name="pagesFree">Pages that were free.</param>
    public OutOfPagesException(int pagesNeeded, int pagesFree)
        : base($"The cache needs {pagesNeeded} more pages and has {pagesFree} free; no sequence has changed.")
    {
        PagesNeeded = pagesNeeded;
        PagesFree = pagesFree;
    }

    /// <summary>Pages that the call needed.</summary>
    public int PagesNeeded { get; }

    /// <summary>Pages that were free.</summary>
    public int PagesFree { get; }
}
