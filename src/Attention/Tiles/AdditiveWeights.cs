using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>The weights of additive attention, one tile of queries a piece: whole rows, normalised where they are asked for.</summary>
internal readonly unsafe struct AdditiveWeights<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly AdditiveProblem _problem;
    private readonly TMask _mask;
    private readonly WorkItems _items;
    private readonly Operand _destination;

    internal AdditiveWeights(in AdditiveProblem problem, in TMask mask, in WorkItems items, in Operand destination)
    {
        _problem = problem;
        _mask = mask;
        _items = items;
        _destination = destination;
    }

    public void Invoke(int index)
    {
        int keyLength = _problem.Attention.KeyLength;
        AdditiveTile<TSimd, TVector, TMask> tile = new(_problem, _mask, _items[index]);
        WorkItem item = tile.Item;
        using Scratch.Rental rental = Scratch.Rent(tile.Floats);
        tile.Place(rental.Memory);
        for (int query = item.Queries.Start; query < item.Queries.End; query++)
        {
            new Span<float>(_destination.At(item.Batch, item.Head, query), keyLength).Fill(float.NegativeInfinity);
        }

        for (int block = tile.FirstBlock; block < tile.EndBlock; block++)
        {
            if (tile.Compute(block))
            {
                tile.CopyScores(_destination);
            }
        }

        for (int query = item.Queries.Start; query < item.Queries.End; query++)
        {
            float* weights = _destination.At(item.Batch, item.Head, query);
            if (float.IsNaN(RowSoftmax.Forward<TSimd, TVector>(weights, weights, keyLength)))
            {
                ClearHidden(weights, item, query);
            }
        }
    }

    /// <summary>A row with NaN is NaN where it is allowed, and zero elsewhere.</summary>
    private void ClearHidden(float* weights, in WorkItem item, int query)
    {
        for (int key = 0; key < _problem.Attention.KeyLength; key++)
        {
            weights[key] = _mask.Allows(item.Batch, item.Head, query, key) ? weights[key] : 0;
        }
    }
}
