namespace Attention.Tiles;

/// <summary>The tiles of a piece that are needed, in the order of their tokens: where each is, and its first column in the piece.</summary>
internal unsafe struct TileList
{
    private fixed long _addresses[CachePlan.PieceTiles];
    private fixed int _columns[CachePlan.PieceTiles];

    internal int Count { get; private set; }

    internal byte* Address(int index) => (byte*)_addresses[index];

    internal int Column(int index) => _columns[index];

    internal void Clear() => Count = 0;

    /// <summary>Adds the tiles that hold a run of columns, but for those before the last one added.</summary>
    internal void Add(IndexRange columns, in CacheProblem problem, int batch, int keyHead, int pieceStart)
    {
        if (columns.IsEmpty)
        {
            return;
        }

        int first = columns.Start / CacheLayout.Tokens;
        int after = Count == 0 ? 0 : _columns[Count - 1] / CacheLayout.Tokens + 1;
        int end = TilePlan.RoundUp(columns.End, CacheLayout.Tokens) / CacheLayout.Tokens;
        for (int tile = Math.Max(first, after); tile < end; tile++)
        {
            _addresses[Count] = (long)problem.Views[batch].Tile(keyHead, pieceStart / CacheLayout.Tokens + tile, problem.Layout.TileBytes);
            _columns[Count] = tile * CacheLayout.Tokens;
            Count++;
        }
    }
}
