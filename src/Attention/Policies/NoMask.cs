namespace Attention.Policies;

/// <summary>Every query may attend to every key; costs nothing.</summary>
public readonly struct NoMask : IAttentionMask
{
    /// <inheritdoc/>
    public static bool IsInterval => true;

    /// <inheritdoc/>
    public bool Allows(int batch, int head, int query, int key) => true;

    /// <inheritdoc/>
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys) => TileCoverage.Full;

    /// <inheritdoc/>
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength) => new(0, keyLength);
}
