using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Attention over a cache for a tile of query rows of one key head: piece after piece, strip by strip, folded as they come.</summary>
internal readonly unsafe struct CacheTile<TSimd, TVector, TStorage, TModifier> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TStorage : struct, ICacheStorage
    where TModifier : struct, IScoreModifier
{
    private readonly CacheProblem _problem;
    private readonly TModifier _modifier;
    private readonly CachePlan _plan;

    internal CacheTile(in CacheProblem problem, in TModifier modifier, in CachePlan plan)
    {
        _problem = problem;
        _modifier = modifier;
        _plan = plan;
    }

    /// <summary>Work items of a call.</summary>
    internal static int Count(in CacheProblem problem, in CachePlan plan) =>
        checked(problem.Batch * problem.Layout.KeyValueHeads * Tiles(plan));

    public void Invoke(int index)
    {
        // The last queries first: they have the most keys, so that threads end together.
        int pairs = _problem.Batch * _problem.Layout.KeyValueHeads;
        int firstRow = (Tiles(_plan) - 1 - index / pairs) * _plan.TileRows;
        int batch = index % pairs / _problem.Layout.KeyValueHeads;
        int keyHead = index % _problem.Layout.KeyValueHeads;
        int rows = Math.Min(_plan.TileRows, _problem.RowsOf(batch) - firstRow);
        if (rows <= 0)
        {
            return;
        }

        int size = _problem.Layout.HeadSize;
        int rowStride = _plan.RowStride;
        nint queryFloats = (nint)TilePlan.RoundUp(rows, CachePlan.StripRows) * size;
        nint stateFloats = (nint)rows * rowStride;
        using Scratch.Rental rental = Scratch.Rent(
            stateFloats + CacheStrip<TSimd, TVector, TStorage, TModifier>.ScratchSize(rowStride) + queryFloats);
        float* states = rental.Memory;
        float* scratch = states + stateFloats;
        float* queries = scratch + CacheStrip<TSimd, TVector, TStorage, TModifier>.ScratchSize(rowStride);
        CacheStrip<TSimd, TVector, TStorage, TModifier> strip = new(_problem, _modifier, scratch, rowStride);
        CacheStrip<TSimd, TVector, TStorage, TModifier>.PackQueries(_problem, batch, keyHead, firstRow, rows, queries);
        for (int row = 0; row < rows; row++)
        {
            CachePartial.Clear<TSimd, TVector>(states + row * rowStride, rowStride);
        }

        for (int piece = 0; piece < _plan.Pieces; piece++)
        {
            for (int first = 0; first < rows; first += CachePlan.StripRows)
            {
                int count = Math.Min(CachePlan.StripRows, rows - first);
                strip.Process(batch, keyHead, firstRow + first, count, piece, queries + (nint)first * size);
                for (int row = 0; row < count; row++)
                {
                    CachePartial.Fold<TSimd, TVector>(strip.Partials + row * rowStride, states + (first + row) * rowStride, rowStride);
                }
            }
        }

        for (int row = 0; row < rows; row++)
        {
            CachePartial.Finish<TSimd, TVector>(_problem, states + row * rowStride, batch, keyHead, firstRow + row);
        }
    }

    private static int Tiles(in CachePlan plan) => (plan.Rows + plan.TileRows - 1) / plan.TileRows;
}
