using Attention.Policies;

namespace Attention.Tiles;

/// <summary>A mask for rows that each are a batch element of their own: the first keys are real, as many as the row's length.</summary>
internal readonly unsafe struct RowLengths(int* lengths) : IAttentionMask
{
    public static bool IsInterval => true;

    public bool Allows(int batch, int head, int query, int key) => key < lengths[batch];

    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) =>
        lengths[batch] >= keys.End ? TileCoverage.Full : lengths[batch] <= keys.Start ? TileCoverage.None : TileCoverage.Mixed;

    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, Math.Min(lengths[batch], keyLength));
}
