namespace Attention.Tiles;

/// <summary>One tile of queries of one head.</summary>
internal readonly record struct WorkItem(int Batch, int Head, IndexRange Queries);

/// <summary>
/// The numbering of the tiles of a call: the last queries first, which under a causal mask have the most work, so that
/// threads end together.
/// </summary>
internal readonly unsafe struct WorkItems
{
    private readonly int _batch;
    private readonly int _heads;
    private readonly int _queryLength;
    private readonly int _tileRows;
    private readonly int _tiles;
    private readonly int* _cumulativeLengths;
    private readonly int* _cumulativeTiles;

    /// <summary>Tiles of a call in which every batch element has the same length.</summary>
    internal WorkItems(int batch, int heads, int queryLength, int tileRows)
    {
        _batch = batch;
        _heads = heads;
        _queryLength = queryLength;
        _tileRows = tileRows;
        _tiles = Tiles(queryLength, tileRows);
    }

    /// <summary>Tiles of a packed call.</summary>
    /// <param name="cumulativeLengths">Where each sequence starts, and the end of the last.</param>
    /// <param name="sequences">How many sequences.</param>
    /// <param name="heads">Query heads.</param>
    /// <param name="tileRows">Queries of a tile.</param>
    /// <param name="skipDecoded">Whether sequences short enough for decoding have no tiles.</param>
    /// <param name="cumulativeTiles">Room for <paramref name="sequences"/> + 1 numbers, filled here.</param>
    internal WorkItems(int* cumulativeLengths, int sequences, int heads, int tileRows, int* cumulativeTiles, bool skipDecoded)
    {
        _batch = sequences;
        _heads = heads;
        _tileRows = tileRows;
        _cumulativeLengths = cumulativeLengths;
        _cumulativeTiles = cumulativeTiles;
        cumulativeTiles[0] = 0;
        for (int i = 0; i < sequences; i++)
        {
            int length = cumulativeLengths[i + 1] - cumulativeLengths[i];
            cumulativeTiles[i + 1] = cumulativeTiles[i] + (skipDecoded && DecodePlan.Applies(length) ? 0 : Tiles(length, tileRows));
        }
    }

    /// <summary>How many there are.</summary>
    internal int Count => checked((_cumulativeTiles == null ? _batch * _tiles : _cumulativeTiles[_batch]) * _heads);

    internal WorkItem this[int index]
    {
        get
        {
            if (_cumulativeTiles == null)
            {
                int pair = index % (_batch * _heads);
                int tile = _tiles - 1 - index / (_batch * _heads);
                return new WorkItem(pair / _heads, pair % _heads, Rows(tile, _queryLength));
            }

            int head = index % _heads;
            int number = _cumulativeTiles[_batch] - 1 - index / _heads;
            int sequence = new ReadOnlySpan<int>(_cumulativeTiles, _batch + 1).BinarySearch(number);
            sequence = sequence < 0 ? ~sequence - 1 : LastWith(sequence, number);
            int length = _cumulativeLengths[sequence + 1] - _cumulativeLengths[sequence];
            return new WorkItem(sequence, head, Rows(number - _cumulativeTiles[sequence], length));
        }
    }

    private static int Tiles(int length, int tileRows) => (length + tileRows - 1) / tileRows;

    private IndexRange Rows(int tile, int length) => new(tile * _tileRows, Math.Min((tile + 1) * _tileRows, length));

    /// <summary>Sequences without queries share a number with the one after them, which is the one meant.</summary>
    private int LastWith(int sequence, int number)
    {
        while (_cumulativeTiles[sequence + 1] == number)
        {
            sequence++;
        }

        return sequence;
    }
}
