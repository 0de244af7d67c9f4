using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The forward pass of attention with any normaliser, one tile of queries a piece: writes the output or, where there is no place
/// for it, the weights.
/// </summary>
internal readonly unsafe struct NormalizedForward<TSimd, TVector, TMask, TModifier, TNormalizer> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
    where TNormalizer : struct, INormalizer
{
    private readonly AttentionProblem _problem;
    private readonly Operand _weights;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly TNormalizer _normalizer;
    private readonly WorkItems _items;

    internal NormalizedForward(
        in AttentionProblem problem, in Operand weights, in TMask mask, in TModifier modifier, in TNormalizer normalizer, in WorkItems items)
    {
        _problem = problem;
        _weights = weights;
        _mask = mask;
        _modifier = modifier;
        _normalizer = normalizer;
        _items = items;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        WorkItem item = _items[index];
        IndexRange keys = _mask.KeyBounds(item.Batch, item.Head, item.Queries, _problem.KeyLength);
        if (_weights.IsPresent)
        {
            Clear(_weights, item, _problem.KeyLength);
        }

        if (keys.IsEmpty)
        {
            Clear(_problem.Output, item, _problem.ValueSize);
            return;
        }

        NormalizedTile<TSimd, TVector> tile = new(item, keys);
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + (_problem.Dropout > 0 ? tile.Stride : 0));
        float* keep = tile.Place(rental.Memory);
        bool isFull = tile.IsFull(_mask);
        tile.Multiply(_problem);
        for (int row = 0; row < item.Queries.Length; row++)
        {
            tile.Normalize(_problem, _mask, _modifier, _normalizer, row, isFull);
            float* weights = tile.Weights + (nint)row * tile.Stride;
            int query = item.Queries.Start + row;
            if (_weights.IsPresent)
            {
                new ReadOnlySpan<float>(weights, keys.Length).CopyTo(
                    new Span<float>(_weights.At(item.Batch, item.Head, query) + keys.Start, keys.Length));
            }
            else if (_problem.Dropout > 0)
            {
                DropoutMask.FillKeep(_problem.DropoutSeed, item.Batch, item.Head, query, keys.Start, keys.Length, _problem.Dropout, keep);
                WeightRow.Drop<TSimd, TVector>(weights, keep, weights, keys.Length);
            }
        }

        if (_problem.Output.IsPresent)
        {
            float* values = _problem.Value.At(item.Batch, item.Head / _problem.GroupSize, keys.Start);
            tile.WeighRows(
                tile.Weights, values, _problem.Value.RowStride, _problem.ValueSize,
                _problem.Output.At(item.Batch, item.Head, item.Queries.Start), _problem.Output.RowStride);
        }
    }

    private static void Clear(in Operand rows, in WorkItem item, int size)
    {
        for (int query = item.Queries.Start; query < item.Queries.End && rows.IsPresent; query++)
        {
            RowOperations.Clear(rows.At(item.Batch, item.Head, query), size);
        }
    }
}
