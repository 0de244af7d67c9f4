using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>The forward pass of additive attention, one tile of queries a piece; with <c>weights</c>, the weights instead of the output.</summary>
internal readonly unsafe struct AdditiveForward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly AdditiveProblem _problem;
    private readonly TMask _mask;
    private readonly WorkItems _items;
    private readonly Operand _weights;

    internal AdditiveForward(in AdditiveProblem problem, in TMask mask, in WorkItems items, in Operand weights)
    {
        _problem = problem;
        _mask = mask;
        _items = items;
        _weights = weights;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        AttentionProblem attention = _problem.Attention;
        WorkItem item = _items[index];
        IndexRange keys = _mask.KeyBounds(item.Batch, item.Head, item.Queries, attention.KeyLength);
        if (keys.IsEmpty)
        {
            WriteEmpty(item);
            return;
        }

        AdditiveTile<TSimd, TVector> tile = new(_problem, item, keys);
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + (attention.Dropout > 0 ? tile.WeightStride : 0));
        float* keep = tile.Place(rental.Memory);
        float* logSumExp = attention.LogSumExp.IsPresent ? attention.LogSumExp.At(item.Batch, item.Head, item.Queries.Start) : null;
        tile.ComputeWeights(_problem, _mask, logSumExp, attention.LogSumExp.RowStride);
        if (_weights.IsPresent)
        {
            WriteWeights(tile);
            return;
        }

        for (int row = 0; row < item.Queries.Length && attention.Dropout > 0; row++)
        {
            float* weights = tile.Weights + (nint)row * tile.WeightStride;
            DropoutMask.FillKeep(
                attention.DropoutSeed, item.Batch, item.Head, item.Queries.Start + row, keys.Start, keys.Length, attention.Dropout, keep);
            RelativeRow.Drop<TSimd, TVector>(weights, keep, weights, keys.Length);
        }

        RowProducts.WeighRows<TSimd, TVector>(
            tile.Weights, tile.WeightStride, item.Queries.Length, keys.Length,
            attention.Value.At(item.Batch, item.Head / attention.GroupSize, keys.Start), attention.Value.RowStride, attention.ValueSize,
            attention.Output.At(item.Batch, item.Head, item.Queries.Start), attention.Output.RowStride, beta: 0);
    }

    private void WriteWeights(in AdditiveTile<TSimd, TVector> tile)
    {
        for (int row = 0; row < tile.Queries.Length; row++)
        {
            Span<float> destination = new(_weights.At(tile.Batch, tile.Head, tile.Queries.Start + row), _problem.Attention.KeyLength);
            destination[..tile.Keys.Start].Clear();
            new ReadOnlySpan<float>(tile.Weights + (nint)row * tile.WeightStride, tile.Keys.Length).CopyTo(destination[tile.Keys.Start..]);
            destination[tile.Keys.End..].Clear();
        }
    }

    private void WriteEmpty(in WorkItem item)
    {
        AttentionProblem attention = _problem.Attention;
        for (int query = item.Queries.Start; query < item.Queries.End; query++)
        {
            if (_weights.IsPresent)
            {
                RowOperations.Clear(_weights.At(item.Batch, item.Head, query), attention.KeyLength);
                continue;
            }

            RowOperations.Clear(attention.Output.At(item.Batch, item.Head, query), attention.ValueSize);
            if (attention.LogSumExp.IsPresent)
            {
                *attention.LogSumExp.At(item.Batch, item.Head, query) = float.NegativeInfinity;
            }
        }
    }
}
