using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// What the backward pass needs of each row before any tile: delta = sum(dO o) - dLSE, and a cleared query gradient. A sink is
/// done here too: it takes the weight exp(sink - logSumExp) of each row and gives no value, so its score gradient is -weight delta.
/// </summary>
internal readonly unsafe struct BackwardRows<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly BackwardProblem _backward;
    private readonly WorkItems _items;
    private readonly double* _sinkSums;

    /// <summary>Describes the work.</summary>
    /// <param name="backward">The problem.</param>
    /// <param name="items">Its tiles.</param>
    /// <param name="sinkSums">Room for each tile's part of the sink gradient, or null.</param>
    internal BackwardRows(in BackwardProblem backward, in WorkItems items, double* sinkSums)
    {
        _backward = backward;
        _items = items;
        _sinkSums = sinkSums;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        ref readonly AttentionProblem problem = ref _backward.Forward;
        WorkItem item = _items[index];
        float* output = problem.QuerySide(problem.Output, item.Batch, item.Head);
        float* outputGradient = problem.QuerySide(_backward.OutputGradient, item.Batch, item.Head);
        float* queryGradient = problem.QuerySide(_backward.QueryGradient, item.Batch, item.Head);
        float* delta = problem.QuerySide(_backward.Delta, item.Batch, item.Head);
        for (int row = item.Queries.Start; row < item.Queries.End; row++)
        {
            delta[row] = Dot(
                output + row * problem.Output.RowStride, outputGradient + row * _backward.OutputGradient.RowStride, problem.ValueSize);
            if (_backward.LogSumExpGradient.IsPresent)
            {
                delta[row] -= *(problem.QuerySide(_backward.LogSumExpGradient, item.Batch, item.Head)
                    + row * _backward.LogSumExpGradient.RowStride);
            }

            Packing.Clear<TSimd, TVector>(queryGradient + row * _backward.QueryGradient.RowStride, problem.HeadSize);
        }

        if (_sinkSums != null)
        {
            _sinkSums[index] = SinkGradient(item, delta);
        }
    }

    /// <summary>The sum over the rows of a tile; what has weight zero is not looked at.</summary>
    private double SinkGradient(in WorkItem item, float* delta)
    {
        ref readonly AttentionProblem problem = ref _backward.Forward;
        float* logSumExp = problem.QuerySide(problem.LogSumExp, item.Batch, item.Head);
        float sink = problem.SinkLogits[item.Head];
        double sum = 0;
        for (int row = item.Queries.Start; row < item.Queries.End; row++)
        {
            float weight = sink == float.NegativeInfinity ? 0 : MathF.Exp(sink - logSumExp[row * problem.LogSumExp.RowStride]);
            sum -= weight == 0 ? 0 : (double)weight * delta[row];
        }

        return sum;
    }

    /// <summary>Sum of output times gradient; where the output is zero the gradient, which may be NaN behind a mask, is not looked at.</summary>
    private static float Dot(float* output, float* gradient, int size)
    {
        TVector sums = TSimd.Zero;
        int i = 0;
        for (; i + TSimd.Count <= size; i += TSimd.Count)
        {
            TVector value = TSimd.Load(output + i);
            TVector other = TSimd.Select(TSimd.Equals(value, TSimd.Zero), TSimd.Zero, TSimd.Load(gradient + i));
            sums = TSimd.MultiplyAdd(value, other, sums);
        }

        float sum = TSimd.Sum(sums);
        for (; i < size; i++)
        {
            sum += output[i] == 0 ? 0 : output[i] * gradient[i];
        }

        return sum;
    }
}
