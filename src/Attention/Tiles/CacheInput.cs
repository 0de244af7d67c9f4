namespace Attention.Tiles;

/// <summary>New keys and values to be written into a cache.</summary>
internal unsafe struct CacheInput
{
    internal CacheLayout Layout;

    /// <summary>One for each batch element; the new tokens follow its <see cref="CacheView.Length"/>.</summary>
    internal CacheView* Views;

    internal int Batch;
    internal Operand Key;
    internal Operand Value;
}
