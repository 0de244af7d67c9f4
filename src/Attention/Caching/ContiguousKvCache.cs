using System.Runtime.InteropServices;
using Attention.Tiles;

namespace Attention.Caching;

/// <summary>
/// A cache that keeps every sequence in one piece of memory, head by head, which doubles when it is full. Nothing is ever
/// forgotten or shared: <see cref="KvCache.Fork"/> copies.
/// </summary>
public sealed unsafe class ContiguousKvCache : KvCache
{
    private readonly int _initialCapacity;

    /// <summary>A cache without sequences.</summary>
    /// <param name="options">Sizes and storage.</param>
    /// <param name="initialCapacity">Tokens for which a sequence has room from its first one on; at least 0.</param>
    /// <exception cref="ArgumentNullException"><paramref name="options"/> is null.</exception>
    /// <exception cref="ArgumentOutOfRangeException">An option is not as said, or <paramref name="initialCapacity"/> is negative.</exception>
    public ContiguousKvCache(KvCacheOptions options, int initialCapacity = 0)
        : base(options)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(initialCapacity);
        _initialCapacity = initialCapacity;
    }

    /// <inheritdoc/>
    public override long AllocatedBytes => Sequences.Sum(sequence => sequence.TableBytes + (sequence.Block?.Bytes ?? 0));

    private protected override CacheSequence Start(int id) => new(id, 0);

    private protected override void Copy(CacheSequence source, CacheSequence target)
    {
        int tiles = TilesOf(source.Length);
        Grow(target, tiles);
        CopyTiles(source, target, tiles);
        target.Length = source.Length;
    }

    private protected override void Cut(CacheSequence sequence, int length) => sequence.Length = length;

    private protected override void Reserve(ReadOnlySpan<CacheSequence> batch, int newTokens, ReadOnlySpan<int> newLengths)
    {
        for (int i = 0; i < batch.Length; i++)
        {
            int tiles = TilesOf(batch[i].Length + (newLengths.IsEmpty ? newTokens : newLengths[i]));
            if (tiles > CapacityOf(batch[i]))
            {
                Grow(batch[i], (int)Math.Max(tiles, 2L * CapacityOf(batch[i])));
            }
        }
    }

    private protected override CacheView View(CacheSequence sequence, int count)
    {
        int capacity = Math.Max(1, CapacityOf(sequence));
        return sequence.View(capacity, capacity * Layout.TileBytes, count);
    }

    /// <summary>A larger piece with the same tokens; should there be no memory, the sequence stays as it is.</summary>
    private void Grow(CacheSequence sequence, int tiles)
    {
        tiles = Math.Max(tiles, TilesOf(_initialCapacity));
        if (tiles == 0)
        {
            return;
        }

        NativeBlock? old = sequence.Block;
        NativeBlock block = new(checked(tiles * Layout.TileBytes * KeyValueHeads));
        if (old is not null)
        {
            CopyHeads(old, CapacityOf(sequence), block, tiles, TilesOf(sequence.Length));
        }

        sequence.Block = block;
        sequence[0] = new PageSlot { Address = block.Address };
        old?.Dispose();
    }

    private void CopyTiles(CacheSequence source, CacheSequence target, int tiles)
    {
        if (tiles > 0)
        {
            CopyHeads(source.Block!, CapacityOf(source), target.Block!, CapacityOf(target), tiles);
        }
    }

    private void CopyHeads(NativeBlock source, int sourceTiles, NativeBlock target, int targetTiles, int tiles)
    {
        for (int head = 0; head < KeyValueHeads; head++)
        {
            NativeMemory.Copy(
                source.Address + head * sourceTiles * Layout.TileBytes,
                target.Address + head * targetTiles * Layout.TileBytes, (nuint)(tiles * Layout.TileBytes));
        }
    }

    private static int TilesOf(int tokens) => (int)(((long)tokens + CacheLayout.Tokens - 1) / CacheLayout.Tokens);

    private int CapacityOf(CacheSequence sequence) =>
        sequence.Block is { } block ? (int)(block.Bytes / (Layout.TileBytes * KeyValueHeads)) : 0;
}
