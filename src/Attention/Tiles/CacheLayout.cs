namespace Attention.Tiles;

/// <summary>
/// What a tile of a cache looks like: the keys and values of one key head for sixteen neighbouring tokens, side by side in
/// memory. Every kind of cache is made of such tiles, so that one kernel reads them all in place.
/// </summary>
/// <remarks>
/// A tile holds, in this order: the keys, transposed, <c>[headSize][16]</c>, so that products run down the head with vectors
/// along the tokens and need no horizontal sum and no packing; the values as rows, <c>[16][valueStride]</c>, read in the
/// order in which they lie; and, where numbers are scaled, sixteen scales of keys and sixteen of values.
/// </remarks>
internal readonly unsafe struct CacheLayout
{
    /// <summary>Tokens of a tile: a vector of the widest unit, and a cache line of floats.</summary>
    internal const int Tokens = 16;

    /// <summary>Tiles start at cache lines.</summary>
    internal const int Alignment = 64;

    internal CacheLayout(int keyValueHeads, int headSize, int valueSize, int elementBytes)
    {
        KeyValueHeads = keyValueHeads;
        HeadSize = headSize;
        ValueSize = valueSize;
        ElementBytes = elementBytes;
        ValueStride = checked(TilePlan.RoundUp(valueSize, Tokens));
        ValueOffset = (nint)headSize * Tokens * elementBytes;
        ScaleOffset = ValueOffset + (nint)ValueStride * Tokens * elementBytes;
        nint bytes = ScaleOffset + (IsScaled ? 2 * Tokens * sizeof(float) : 0);
        TileBytes = (bytes + Alignment - 1) & ~(nint)(Alignment - 1);
    }

    internal int KeyValueHeads { get; }

    internal int HeadSize { get; }

    internal int ValueSize { get; }

    /// <summary>4 for floats, 2 for bfloat16, 1 for scaled bytes.</summary>
    internal int ElementBytes { get; }

    internal bool IsScaled => ElementBytes == sizeof(sbyte);

    /// <summary>Numbers from one row of values to the next: the value size in whole vectors, zeros at the end.</summary>
    internal int ValueStride { get; }

    /// <summary>Where the values of a tile start.</summary>
    internal nint ValueOffset { get; }

    /// <summary>Where the scales of a tile start, if it has some.</summary>
    internal nint ScaleOffset { get; }

    /// <summary>Bytes of a tile.</summary>
    internal nint TileBytes { get; }

    /// <summary>The scales of a tile's keys.</summary>
    internal float* KeyScales(byte* tile) => (float*)(tile + ScaleOffset);

    /// <summary>The scales of a tile's values.</summary>
    internal float* ValueScales(byte* tile) => (float*)(tile + ScaleOffset) + Tokens;
}
