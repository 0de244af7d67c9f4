namespace Attention.Tiles;

/// <summary>
/// The order in which pieces of work add to a bias gradient that they share because it is broadcast over batch, heads or keys:
/// block after block of keys, in each the batch elements, in each the heads. A piece that comes to a tile of queries before its
/// turn waits, so the sum does not depend on the threads, and needs no memory beside the gradient. Pieces are numbered in
/// the same order, so one waits only for pieces that were begun before it.
/// </summary>
/// <remarks>
/// Where the gradient is broadcast over queries too, all tiles of a head share its elements: the piece then sums them by itself
/// and takes one turn for all, or the pieces would have to follow each other from end to end.
/// </remarks>
internal readonly unsafe struct BiasTurns
{
    private readonly int* _turns;
    private readonly int* _failed;
    private readonly nint _batchStride;
    private readonly nint _headStride;
    private readonly nint _blockStride;
    private readonly nint _tileStride;
    private readonly int _batchRank;
    private readonly int _headRank;
    private readonly int _blockRank;

    /// <summary>Describes the turns.</summary>
    /// <param name="backward">The problem.</param>
    /// <param name="plan">How it is cut.</param>
    /// <param name="turns">As many zeros as are <see cref="Needed"/>.</param>
    internal BiasTurns(in BackwardProblem backward, in BackwardPlan plan, int* turns)
    {
        if (Needed(backward, plan) == 0)
        {
            return;
        }

        ref readonly AttentionProblem problem = ref backward.Forward;
        Operand gradient = backward.BiasGradient;
        _turns = turns;
        _failed = backward.Failed;

        // Along an axis that is shared all use one counter, and their place on that axis says whose turn it is.
        nint count = 1;
        int sharers = 1;
        (_tileStride, _) = Axis(gradient.RowStride == 0, plan.Tiles, ref count, ref sharers);
        sharers = 1;
        (_headStride, _headRank) = Axis(gradient.HeadStride == 0, problem.Heads, ref count, ref sharers);
        (_batchStride, _batchRank) = Axis(gradient.BatchStride == 0, problem.Batch, ref count, ref sharers);
        (_blockStride, _blockRank) = Axis(backward.BiasGradientKeyStride == 0, plan.Blocks, ref count, ref sharers);
    }

    /// <summary>Whether the pieces take turns for each tile of queries.</summary>
    internal bool AreByTile => _turns != null && _tileStride != 0;

    /// <summary>Whether the pieces take one turn for all queries of a head.</summary>
    internal bool AreByHead => _turns != null && _tileStride == 0;

    /// <summary>How many counters there are: none if no pieces share an element.</summary>
    internal static nint Needed(in BackwardProblem backward, in BackwardPlan plan)
    {
        ref readonly AttentionProblem problem = ref backward.Forward;
        Operand gradient = backward.BiasGradient;
        bool isShared = gradient.IsPresent
            && ((gradient.BatchStride == 0 && problem.Batch > 1)
                || (gradient.HeadStride == 0 && problem.Heads > 1)
                || (backward.BiasGradientKeyStride == 0 && plan.Blocks > 1));
        return isShared ? (nint)problem.Batch * problem.Heads * plan.Blocks * plan.Tiles : 0;
    }

    /// <summary>Waits until those before have added; gives up when a piece of work has failed.</summary>
    internal void Await(int batch, int head, int block, int tile) =>
        Turn.Await(Counter(batch, head, block, tile), Rank(batch, head, block), _failed);

    /// <summary>Lets the next one add.</summary>
    internal void Pass(int batch, int head, int block, int tile) =>
        Volatile.Write(ref *Counter(batch, head, block, tile), Rank(batch, head, block) + 1);

    private static (nint Stride, int Rank) Axis(bool isShared, int length, ref nint count, ref int sharers)
    {
        if (isShared)
        {
            int rank = sharers;
            sharers = checked(sharers * length);
            return (0, rank);
        }

        nint stride = count;
        count *= length;
        return (stride, 0);
    }

    private int* Counter(int batch, int head, int block, int tile) =>
        _turns + batch * _batchStride + head * _headStride + block * _blockStride + tile * _tileStride;

    private int Rank(int batch, int head, int block) => batch * _batchRank + head * _headRank + block * _blockRank;
}
