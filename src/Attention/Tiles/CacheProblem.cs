namespace Attention.Tiles;

/// <summary>Attention over cached keys as the kernels see it; checked by the mechanism.</summary>
internal unsafe struct CacheProblem
{
    internal CacheLayout Layout;

    /// <summary>One for each batch element.</summary>
    internal CacheView* Views;

    internal int Batch;
    internal int Heads;

    /// <summary>Queries of the tensors; <see cref="CacheView.Count"/> says how many are some batch element's own.</summary>
    internal int QueryLength;

    /// <summary>Keys of the longest sequence.</summary>
    internal int KeyLength;

    internal int Window;
    internal int Kept;

    /// <summary>As <see cref="AttentionProblem.PositiveScale"/>.</summary>
    internal float PositiveScale;

    /// <summary>As <see cref="AttentionProblem.QueryFactor"/>.</summary>
    internal float QueryFactor;

    internal Operand Query;
    internal Operand Output;

    /// <summary>One number a row, or a null address if nobody wants it.</summary>
    internal Operand LogSumExp;

    /// <summary>One logit a head, or null.</summary>
    internal float* SinkLogits;

    /// <summary>Query heads that share a key head.</summary>
    internal readonly int GroupSize => Heads / Layout.KeyValueHeads;

    /// <summary>
    /// Rows of a key head: all queries of all its heads, the heads of one query side by side, so that neighbouring rows see
    /// nearly the same keys.
    /// </summary>
    internal readonly int RowsOf(int batch) => Views[batch].Count * GroupSize;

    /// <summary>The query of a row.</summary>
    internal readonly int QueryOf(int row) => row / GroupSize;

    /// <summary>The query head of a row.</summary>
    internal readonly int HeadOf(int keyHead, int row) => keyHead * GroupSize + row % GroupSize;

    /// <summary>The position of a row in its sequence; negative where there are more queries than tokens.</summary>
    internal readonly int PositionOf(int batch, int row) => Views[batch].Length - Views[batch].Count + QueryOf(row);

    internal readonly float* QueryRow(int batch, int keyHead, int row) => Query.At(batch, HeadOf(keyHead, row), QueryOf(row));
}
