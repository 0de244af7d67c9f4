namespace Attention.Tiles;

/// <summary>
/// How attention over a cache is cut. Keys are taken in pieces that start at multiples of a fixed number of positions, and a
/// piece leaves a partial result for each row: maximum, sum and unnormalised output. Partial results are folded in the order
/// of the pieces. Nothing else decides a bit, so that a token's result is the same in a prompt, in a part of a prompt, and alone.
/// </summary>
internal readonly unsafe struct CachePlan
{
    /// <summary>
    /// Keys of a piece: enough that starting and folding it is nothing beside reading it, few enough that a head of some
    /// thousand keys occupies several threads, and that its keys and values of size 128 in float, 256 KB, stay in the
    /// second-level cache while the strips of a prompt use them.
    /// </summary>
    internal const int PieceKeys = 256;

    /// <summary>Tiles of a piece.</summary>
    internal const int PieceTiles = PieceKeys / CacheLayout.Tokens;

    /// <summary>Rows that are computed together.</summary>
    internal const int StripRows = 6;

    /// <summary>Numbers before the output of a partial result: its maximum and its sum, filled up to a whole cache line.</summary>
    internal const int Header = 16;

    /// <summary>Distance between rows of scores: off the power of two, which would put them on the same sets of the cache.</summary>
    internal const int ScoreStride = PieceKeys + CacheLayout.Tokens;

    /// <summary>Rows of a work item at most, which share the keys and values of a piece while they are in the cache.</summary>
    private const int MaxTileRows = 16 * StripRows;

    /// <summary>The most rows of a key head whose pieces are spread over threads; more rows feed the threads by themselves.</summary>
    private const int MaxSplitRows = 64;

    /// <summary>The largest table of partial results, in floats (64 MB).</summary>
    private const long MaxTableFloats = 16 << 20;

    internal CachePlan(in CacheProblem problem, int threads)
    {
        RowStride = Header + problem.Layout.ValueStride;
        Pieces = (int)(((long)problem.KeyLength + PieceKeys - 1) / PieceKeys);
        long rows = 0;
        for (int batch = 0; batch < problem.Batch; batch++)
        {
            rows = Math.Max(rows, problem.RowsOf(batch));
        }

        Rows = checked((int)rows);
        long heads = Math.Max(1, (long)problem.Batch * problem.Layout.KeyValueHeads);
        long wanted = threads == 1 ? MaxTileRows : rows * heads / (4 * threads);
        TileRows = TilePlan.RoundUp((int)Math.Clamp(wanted, 1, MaxTileRows), StripRows);
        IsSplit = threads > 1 && Pieces > 1 && rows <= MaxSplitRows && heads * rows * Pieces * RowStride <= MaxTableFloats;
    }

    /// <summary>Pieces of the longest sequence.</summary>
    internal int Pieces { get; }

    /// <summary>Rows of a key head where there are most.</summary>
    internal int Rows { get; }

    /// <summary>Rows of a work item, whole strips.</summary>
    internal int TileRows { get; }

    /// <summary>Whether pieces are work items of their own, whose results go through a table. It changes no bit.</summary>
    internal bool IsSplit { get; }

    /// <summary>Distance between partial results of neighbouring rows.</summary>
    internal int RowStride { get; }

    /// <summary>Floats of the table.</summary>
    internal nint TableSize(in CacheProblem problem) => (nint)problem.Batch * problem.Layout.KeyValueHeads * Pieces * Rows * RowStride;

    /// <summary>The partial result of a row: [batch, key head, piece, row].</summary>
    internal float* Partial(in CacheProblem problem, float* table, int batch, int keyHead, int piece, int row) =>
        table + ((((nint)batch * problem.Layout.KeyValueHeads + keyHead) * Pieces + piece) * Rows + row) * RowStride;
}
