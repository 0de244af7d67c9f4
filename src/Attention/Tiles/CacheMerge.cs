using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Attention over a cache for a few query rows, second half: the partial results of one key head's rows are folded in order.</summary>
internal readonly unsafe struct CacheMerge<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly CacheProblem _problem;
    private readonly CachePlan _plan;
    private readonly float* _table;

    internal CacheMerge(in CacheProblem problem, in CachePlan plan, float* table)
    {
        _problem = problem;
        _plan = plan;
        _table = table;
    }

    public void Invoke(int index)
    {
        int keyHead = index % _problem.Layout.KeyValueHeads;
        int batch = index / _problem.Layout.KeyValueHeads;
        int rows = _problem.RowsOf(batch);
        using Scratch.Rental rental = Scratch.Rent(_plan.RowStride);
        for (int row = 0; row < rows; row++)
        {
            CachePartial.Clear<TSimd, TVector>(rental.Memory, _plan.RowStride);
            for (int piece = 0; piece * CachePlan.PieceKeys < _problem.Views[batch].Length; piece++)
            {
                CachePartial.Fold<TSimd, TVector>(
                    _plan.Partial(_problem, _table, batch, keyHead, piece, row), rental.Memory, _plan.RowStride);
            }

            CachePartial.Finish<TSimd, TVector>(_problem, rental.Memory, batch, keyHead, row);
        }
    }
}
