namespace Attention.Comparison.Work;

/// <summary>One attention problem, in the words of the library.</summary>
internal sealed record AttentionTask
{
    internal int Batch { get; init; } = 1;

    internal int Heads { get; init; } = 8;

    internal int KeyValueHeads { get; init; } = 8;

    internal required int QueryLength { get; init; }

    internal required int KeyLength { get; init; }

    internal required int Size { get; init; }

    /// <summary>Whether a query sees only the keys up to its own position.</summary>
    internal bool Causal { get; init; }

    /// <summary>With <see cref="Causal"/>: how many keys before its own a query sees; negative means all.</summary>
    internal int Window { get; init; } = -1;

    /// <summary>Whether a float is added to each score, one for each head, query and key.</summary>
    internal bool Bias { get; init; }

    /// <summary>Whether the gradients of query, key and value are wanted too.</summary>
    internal bool Training { get; init; }

    internal static AttentionTask Square(int length, int size) => new() { QueryLength = length, KeyLength = length, Size = size };

    internal int QueryCount => Batch * Heads * QueryLength * Size;

    internal int KeyCount => Batch * KeyValueHeads * KeyLength * Size;

    /// <summary>Pairs of query and key that the mask leaves, over all batches and heads.</summary>
    internal double VisiblePairs
    {
        get
        {
            double pairs = 0;
            for (int query = 0; query < QueryLength; query++)
            {
                pairs += VisibleKeys(query).Length;
            }

            return pairs * Batch * Heads;
        }
    }

    /// <summary>The keys that <paramref name="query"/> may see.</summary>
    internal IndexRange VisibleKeys(int query) => !Causal
        ? new IndexRange(0, KeyLength)
        : new IndexRange(Window < 0 ? 0 : Math.Max(0, query - Window), Math.Min(KeyLength, query + 1));

    /// <summary>
    /// Operations that the visible pairs ask for: two matrix products forward; five more backward, one of which
    /// computes the scores again.
    /// </summary>
    internal double Operations => (Training ? 7 : 2) * 2.0 * Size * VisiblePairs;

    /// <summary>Bytes of keys and values, as stored once.</summary>
    internal double KeyValueBytes => 2.0 * KeyCount * sizeof(float);
}
