namespace Attention.Tiles;

/// <summary>How decoding is cut: pieces of a fixed number of keys, and a table of partial results.</summary>
internal readonly unsafe struct DecodePlan
{
    /// <summary>
    /// Keys of a piece: enough that starting and merging a piece is nothing beside reading it, few enough that a single
    /// head of some thousand keys occupies several threads, and that the scores of four rows stay in the first-level cache.
    /// </summary>
    internal const int PieceKeys = 1024;

    /// <summary>Numbers before the output of a partial result: its maximum and its sum, filled up to a whole vector.</summary>
    internal const int Header = 16;

    /// <summary>
    /// The most queries that are decoded rather than tiled: with more, packing the keys for the matrix kernel pays.
    /// </summary>
    private const int MaxQueries = 4;

    private readonly int _heads;
    private readonly int _groupSize;

    internal DecodePlan(in AttentionProblem problem, int vectorFloats)
    {
        _heads = problem.Heads;
        _groupSize = problem.GroupSize;
        PaddedValueSize = TilePlan.RoundUp(problem.ValueSize, vectorFloats);
        Pieces = Math.Max(1, (problem.KeyLength + PieceKeys - 1) / PieceKeys);
        Queries = Math.Min(problem.QueryLength, MaxQueries);
    }

    /// <summary>Pieces of the longest keys.</summary>
    internal int Pieces { get; }

    /// <summary>The most queries of a batch element that is decoded.</summary>
    internal int Queries { get; }

    /// <summary>The value size in whole vectors.</summary>
    internal int PaddedValueSize { get; }

    /// <summary>Distance between the partial results of neighbouring rows of a piece.</summary>
    internal nint RowStride => Header + PaddedValueSize;

    /// <summary>Floats of the whole table.</summary>
    internal nint TableSize(int batch) => (nint)batch * _heads * Queries * Pieces * RowStride;

    /// <summary>Whether a batch element with so many queries is decoded; its own length decides, not its neighbours'.</summary>
    internal static bool Applies(int queryLength) => queryLength is > 0 and <= MaxQueries;

    /// <summary>Whether any batch element is decoded.</summary>
    internal static bool AppliesToAny(in AttentionProblem problem)
    {
        if (!problem.IsPacked)
        {
            return Applies(problem.QueryLength);
        }

        for (int sequence = 0; sequence < problem.Batch; sequence++)
        {
            if (Applies(problem.QueryLengthOf(sequence)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>
    /// The partial result of a row of a key head's group in a piece: [batch, key head, piece, row of the group].
    /// </summary>
    internal float* Partial(float* table, int batch, int firstHead, int row, int piece) =>
        table + ((((nint)batch * _heads + firstHead) * Queries * Pieces) + (nint)piece * _groupSize * Queries + row) * RowStride;
}
