using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// What a mask says about every block of queries by keys, worked out once and then looked up by
/// <see cref="BlockListMask{TMask}"/> over all layers and steps.
/// </summary>
/// <remarks>
/// It pays for masks whose <see cref="IAttentionMask.Cover"/> is slow or cautious: a block called
/// <see cref="TileCoverage.Mixed"/> is settled pair by pair while building, so that even a mask that always answers
/// <see cref="TileCoverage.Mixed"/> gets its empty and full blocks skipped. One byte per block. It is not changed after
/// building and may be used by any number of threads.
/// </remarks>
public sealed class BlockList
{
    /// <summary>The queries of a block unless chosen otherwise.</summary>
    public const int DefaultQueryBlock = 48;

    /// <summary>The keys of a block unless chosen otherwise.</summary>
    public const int DefaultKeyBlock = 64;

    // A TileCoverage each.
    private readonly byte[] _blocks;
    private readonly IndexRange[] _bounds;
    private readonly int _queryBlocks;
    private readonly int _keyBlocks;

    private BlockList(
        int batch, int heads, int queryLength, int keyLength, int queryBlock, int keyBlock, bool shareBatch, bool shareHeads)
    {
        (Batch, Heads, QueryLength, KeyLength) = (batch, heads, queryLength, keyLength);
        (QueryBlock, KeyBlock) = (queryBlock, keyBlock);
        (SharesBatch, SharesHeads) = (shareBatch, shareHeads);
        _queryBlocks = Blocks(queryLength, queryBlock);
        _keyBlocks = Blocks(keyLength, keyBlock);
        int rows = checked((shareBatch ? Math.Min(1, batch) : batch) * (shareHeads ? Math.Min(1, heads) : heads) * _queryBlocks);
        _bounds = new IndexRange[rows];
        _blocks = new byte[checked(rows * _keyBlocks)];
    }

    /// <summary>The batch size that the list was built for.</summary>
    public int Batch { get; }

    /// <summary>The query heads that the list was built for.</summary>
    public int Heads { get; }

    /// <summary>The queries that the list was built for.</summary>
    public int QueryLength { get; }

    /// <summary>The keys that the list was built for.</summary>
    public int KeyLength { get; }

    /// <summary>The queries of a block; the last block of a row of blocks may have fewer.</summary>
    public int QueryBlock { get; }

    /// <summary>The keys of a block; the last block of a row of blocks may have fewer.</summary>
    public int KeyBlock { get; }

    /// <summary>Whether batch element 0 stands for all.</summary>
    public bool SharesBatch { get; }

    /// <summary>Whether head 0 stands for all.</summary>
    public bool SharesHeads { get; }

    /// <summary>Asks <paramref name="mask"/> about every block.</summary>
    /// <typeparam name="TMask">The mask.</typeparam>
    /// <param name="mask">The mask; what it answers must not change as long as the list is used.</param>
    /// <param name="batch">The batch size.</param>
    /// <param name="heads">The query heads.</param>
    /// <param name="queryLength">The queries.</param>
    /// <param name="keyLength">The keys.</param>
    /// <param name="queryBlock">The queries of a block.</param>
    /// <param name="keyBlock">The keys of a block.</param>
    /// <param name="shareBatch">True if the mask answers the same for every batch element; only element 0 is asked then.</param>
    /// <param name="shareHeads">True if the mask answers the same for every head; only head 0 is asked then.</param>
    /// <returns>The list.</returns>
    /// <exception cref="ArgumentOutOfRangeException">A size is negative, or a block size not positive.</exception>
    /// <exception cref="ArgumentException">The mask was built for other sizes.</exception>
    public static BlockList Build<TMask>(
        in TMask mask,
        int batch,
        int heads,
        int queryLength,
        int keyLength,
        int queryBlock = DefaultQueryBlock,
        int keyBlock = DefaultKeyBlock,
        bool shareBatch = false,
        bool shareHeads = false)
        where TMask : struct, IAttentionMask
    {
        ArgumentOutOfRangeException.ThrowIfNegative(batch);
        ArgumentOutOfRangeException.ThrowIfNegative(heads);
        ArgumentOutOfRangeException.ThrowIfNegative(queryLength);
        ArgumentOutOfRangeException.ThrowIfNegative(keyLength);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(queryBlock);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(keyBlock);
        TMask.CheckCall(in mask, batch, heads, queryLength, keyLength);

        BlockList list = new(batch, heads, queryLength, keyLength, queryBlock, keyBlock, shareBatch, shareHeads);
        list.Fill(in mask);
        return list;
    }

    /// <summary>Counts the blocks of a kind; shared blocks count once.</summary>
    /// <param name="coverage">The kind.</param>
    /// <returns>How many there are.</returns>
    public int Count(TileCoverage coverage)
    {
        byte wanted = (byte)coverage;
        int count = 0;
        foreach (byte block in _blocks)
        {
            count += block == wanted ? 1 : 0;
        }

        return count;
    }

    /// <summary>Says how much of a tile is allowed; the tile need not lie along the blocks.</summary>
    /// <param name="batch">The batch element.</param>
    /// <param name="head">The query head.</param>
    /// <param name="queries">The queries of the tile; never empty.</param>
    /// <param name="keys">The keys of the tile; never empty.</param>
    /// <returns>What all blocks that the tile touches have in common, or <see cref="TileCoverage.Mixed"/>.</returns>
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        int row = FirstRow(batch, head);
        int lastQueryBlock = (queries.End - 1) / QueryBlock;
        int firstKeyBlock = keys.Start / KeyBlock;
        int lastKeyBlock = (keys.End - 1) / KeyBlock;
        int queryBlock = queries.Start / QueryBlock;
        byte first = _blocks[((row + queryBlock) * _keyBlocks) + firstKeyBlock];
        for (; queryBlock <= lastQueryBlock && first != (byte)TileCoverage.Mixed; queryBlock++)
        {
            int start = (row + queryBlock) * _keyBlocks;
            for (int block = start + firstKeyBlock; block <= start + lastKeyBlock; block++)
            {
                if (_blocks[block] != first)
                {
                    return TileCoverage.Mixed;
                }
            }
        }

        return (TileCoverage)first;
    }

    /// <summary>Gives a run of keys outside of which no query of <paramref name="queries"/> may attend.</summary>
    /// <param name="batch">The batch element.</param>
    /// <param name="head">The query head.</param>
    /// <param name="queries">The queries; never empty.</param>
    /// <param name="keyLength">How many keys there are.</param>
    /// <returns>The run for all queries of the touched blocks.</returns>
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        int row = FirstRow(batch, head);
        int last = row + ((queries.End - 1) / QueryBlock);
        IndexRange bounds = IndexRange.Empty;
        for (int block = row + (queries.Start / QueryBlock); block <= last; block++)
        {
            bounds = Runs.Hull(bounds, _bounds[block]);
        }

        return Runs.Cut(bounds.Start, bounds.End, keyLength);
    }

    private static int Blocks(int length, int block) => (int)(((long)length + block - 1) / block);

    private static IndexRange Block(int index, int size, int length)
    {
        long start = (long)index * size;
        return new IndexRange((int)start, (int)Math.Min(start + size, length));
    }

    /// <summary>Settles a block by asking for each pair until both answers were heard.</summary>
    private static TileCoverage Settle<TMask>(in TMask mask, int batch, int head, IndexRange queries, IndexRange keys)
        where TMask : struct, IAttentionMask
    {
        bool first = mask.Allows(batch, head, queries.Start, keys.Start);
        for (int query = queries.Start; query < queries.End; query++)
        {
            for (int key = keys.Start; key < keys.End; key++)
            {
                if (mask.Allows(batch, head, query, key) != first)
                {
                    return TileCoverage.Mixed;
                }
            }
        }

        return first ? TileCoverage.Full : TileCoverage.None;
    }

    private void Fill<TMask>(in TMask mask)
        where TMask : struct, IAttentionMask
    {
        for (int batch = 0; batch < (SharesBatch ? Math.Min(1, Batch) : Batch); batch++)
        {
            for (int head = 0; head < (SharesHeads ? Math.Min(1, Heads) : Heads); head++)
            {
                for (int block = 0; block < _queryBlocks; block++)
                {
                    FillRow(in mask, batch, head, block);
                }
            }
        }
    }

    private void FillRow<TMask>(in TMask mask, int batch, int head, int queryBlock)
        where TMask : struct, IAttentionMask
    {
        int row = FirstRow(batch, head) + queryBlock;
        IndexRange queries = Block(queryBlock, QueryBlock, QueryLength);
        IndexRange bounds = mask.KeyBounds(batch, head, queries, KeyLength);
        IndexRange seen = IndexRange.Empty;
        for (int block = 0; block < _keyBlocks; block++)
        {
            IndexRange keys = Block(block, KeyBlock, KeyLength);
            TileCoverage coverage = keys.Intersect(bounds).IsEmpty ? TileCoverage.None : mask.Cover(batch, head, queries, keys);
            if (coverage == TileCoverage.Mixed)
            {
                coverage = Settle(in mask, batch, head, queries, keys);
            }

            _blocks[(row * _keyBlocks) + block] = (byte)coverage;
            seen = coverage == TileCoverage.None ? seen : Runs.Hull(seen, keys);
        }

        _bounds[row] = seen.Intersect(bounds);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FirstRow(int batch, int head)
    {
        int ownHeads = SharesHeads ? 1 : Heads;
        return (((SharesBatch ? 0 : batch) * ownHeads) + (SharesHeads ? 0 : head)) * _queryBlocks;
    }
}
