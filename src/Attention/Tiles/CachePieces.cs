using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Attention over a cache for a few query rows, first half: all rows of one key head against one piece of its keys, their
/// partial results going to a table ("Flash-Decoding", Dao et al. 2023).
/// </summary>
internal readonly unsafe struct CachePieces<TSimd, TVector, TStorage, TModifier> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TStorage : struct, ICacheStorage
    where TModifier : struct, IScoreModifier
{
    private readonly CacheProblem _problem;
    private readonly TModifier _modifier;
    private readonly CachePlan _plan;
    private readonly float* _table;

    internal CachePieces(in CacheProblem problem, in TModifier modifier, in CachePlan plan, float* table)
    {
        _problem = problem;
        _modifier = modifier;
        _plan = plan;
        _table = table;
    }

    public void Invoke(int index)
    {
        int piece = index % _plan.Pieces;
        int keyHead = index / _plan.Pieces % _problem.Layout.KeyValueHeads;
        int batch = index / _plan.Pieces / _problem.Layout.KeyValueHeads;
        int rows = _problem.RowsOf(batch);
        if (piece * CachePlan.PieceKeys >= _problem.Views[batch].Length)
        {
            return;
        }

        int rowStride = _plan.RowStride;
        nint stripFloats = CacheStrip<TSimd, TVector, TStorage, TModifier>.ScratchSize(rowStride);
        using Scratch.Rental rental = Scratch.Rent(stripFloats + (nint)CachePlan.StripRows * _problem.Layout.HeadSize);
        float* queries = rental.Memory + stripFloats;
        CacheStrip<TSimd, TVector, TStorage, TModifier> strip = new(_problem, _modifier, rental.Memory, rowStride);
        for (int first = 0; first < rows; first += CachePlan.StripRows)
        {
            int count = Math.Min(CachePlan.StripRows, rows - first);
            CacheStrip<TSimd, TVector, TStorage, TModifier>.PackQueries(_problem, batch, keyHead, first, count, queries);
            strip.Process(batch, keyHead, first, count, piece, queries);
            new ReadOnlySpan<float>(strip.Partials, count * rowStride)
                .CopyTo(new Span<float>(_plan.Partial(_problem, _table, batch, keyHead, piece, first), count * rowStride));
        }
    }
}
