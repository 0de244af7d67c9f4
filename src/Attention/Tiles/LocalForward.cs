using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The forward pass of attention to windows, up to 32 queries of a head a piece: each query goes by itself, since its window
/// is its own, and a window's rows of keys and values, twenty or so, stay in the nearest cache from one query to the next.
/// </summary>
internal readonly unsafe struct LocalForward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly LocalProblem _problem;
    private readonly TMask _mask;
    private readonly WorkItems _items;

    internal LocalForward(in LocalProblem problem, in TMask mask, in WorkItems items)
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
        int stride = LocalRow.Stride(_problem.MostKeys);
        using Scratch.Rental rental = Scratch.Rent(2 * stride);
        float* weights = rental.Memory;
        for (int query = item.Queries.Start; query < item.Queries.End; query++)
        {
            IndexRange keys = _problem.KeysOf(_mask, item.Batch, item.Head, query);
            float logSumExp = float.NegativeInfinity;
            LocalRowState state = default;
            if (!keys.IsEmpty)
            {
                logSumExp = LocalRow.ComputeWeights<TSimd, TVector, TMask>(
                    _problem, _mask, item.Batch, item.Head, query, keys, weights, ref state);
                if (logSumExp != float.NegativeInfinity
                    && LocalRow.ComputeFactors<TSimd, TVector>(_problem, item.Batch, item.Head, query, keys, weights + stride))
                {
                    // The weight selects: what is hidden stays hidden where the factor is NaN.
                    WeightRow.Drop<TSimd, TVector>(weights + stride, weights, weights, keys.Length);
                }
            }

            if (attention.LogSumExp.IsPresent)
            {
                *attention.LogSumExp.At(item.Batch, item.Head, query) = logSumExp;
            }

            Write(item, query, keys, weights);
        }
    }

    private void Write(in WorkItem item, int query, IndexRange keys, float* weights)
    {
        AttentionProblem attention = _problem.Attention;
        if (attention.Output.IsPresent)
        {
            LocalRow.WeighRows<TSimd, TVector>(
                weights, keys.Length, attention.Value.At(item.Batch, item.Head / attention.GroupSize, keys.Start), attention.Value.RowStride,
                attention.ValueSize, attention.Output.At(item.Batch, item.Head, query));
        }

        if (_problem.Weights.IsPresent)
        {
            float* row = _problem.Weights.At(item.Batch, item.Head, query);
            RowOperations.Clear(row, attention.KeyLength);
            new ReadOnlySpan<float>(weights, keys.Length).CopyTo(new Span<float>(row + keys.Start, keys.Length));
        }
    }
}
