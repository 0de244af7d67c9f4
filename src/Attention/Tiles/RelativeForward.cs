using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>The forward pass of relative attention, one tile of queries a piece.</summary>
internal readonly unsafe struct RelativeForward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly RelativeProblem _problem;
    private readonly TMask _mask;
    private readonly WorkItems _items;

    internal RelativeForward(in RelativeProblem problem, in TMask mask, in WorkItems items)
    {
        _problem = problem;
        _mask = mask;
        _items = items;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        AttentionProblem attention = _problem.Attention;
        WorkItem item = _items[index];
        float* output = attention.Output.At(item.Batch, item.Head, item.Queries.Start);
        float* logSumExp = attention.LogSumExp.IsPresent ? attention.LogSumExp.At(item.Batch, item.Head, item.Queries.Start) : null;
        IndexRange keys = _mask.KeyBounds(item.Batch, item.Head, item.Queries, attention.KeyLength);
        if (keys.IsEmpty)
        {
            WriteEmpty(item.Queries.Length, output, logSumExp);
            return;
        }

        RelativeTile<TSimd, TVector> tile = new(_problem, item, keys);
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + (attention.Dropout > 0 ? tile.WeightStride : 0));
        float* keep = tile.Place(rental.Memory);
        tile.ComputeWeights(_problem, _mask, logSumExp, attention.LogSumExp.RowStride);
        for (int row = 0; row < item.Queries.Length && attention.Dropout > 0; row++)
        {
            DropoutMask.FillKeep(
                attention.DropoutSeed, item.Batch, item.Head, item.Queries.Start + row, keys.Start, keys.Length, attention.Dropout, keep);
            WeightRow.Drop<TSimd, TVector>(tile.Weights + (nint)row * tile.WeightStride, keep, tile.Weights + (nint)row * tile.WeightStride, keys.Length);
        }

        float* values = attention.Value.At(item.Batch, item.Head / attention.GroupSize, keys.Start);
        tile.WeighRows(
            tile.Weights, tile.WeightStride, keys.Length, values, attention.Value.RowStride, attention.ValueSize, output, attention.Output.RowStride, beta: 0);
        if (_problem.ValueTable.IsPresent)
        {
            tile.SumEntries(tile.Weights);
            tile.WeighRows(
                tile.Entries, tile.EntryStride, tile.Window.Count, _problem.ValueTable.At(0, 0, tile.Window.First), _problem.ValueTable.RowStride,
                attention.ValueSize, output, attention.Output.RowStride, beta: 1);
        }
    }

    private void WriteEmpty(int rows, float* output, float* logSumExp)
    {
        for (int row = 0; row < rows; row++)
        {
            RowOperations.Clear(output + row * _problem.Attention.Output.RowStride, _problem.Attention.ValueSize);
            if (logSumExp != null)
            {
                logSumExp[row * _problem.Attention.LogSumExp.RowStride] = float.NegativeInfinity;
            }
        }
    }
}
