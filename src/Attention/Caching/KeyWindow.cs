namespace Attention.Caching;

/// <summary>
/// Which cached keys a query sees besides the causal rule: the last <see cref="Size"/> up to its own, and the first
/// <see cref="Kept"/> ("attention sinks", Xiao et al. 2024, "Efficient Streaming Language Models with Attention Sinks"). The
/// default value sees all.
/// </summary>
public readonly record struct KeyWindow
{
    /// <summary>How many keys up to and with its own a query sees; 0 means all.</summary>
    public int Size { get; init; }

    /// <summary>How many of the first keys a query sees as well; 0 without a <see cref="Size"/>.</summary>
    public int Kept { get; init; }
}
