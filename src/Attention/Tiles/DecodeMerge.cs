using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Decoding, second half: the partial results of one head's rows are merged in the order of their pieces.</summary>
internal readonly unsafe struct DecodeMerge<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly AttentionProblem _problem;
    private readonly DecodePlan _plan;
    private readonly float* _partials;

    internal DecodeMerge(in AttentionProblem problem, in DecodePlan plan, float* partials)
    {
        _problem = problem;
        _plan = plan;
        _partials = partials;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        int head = index % _problem.Heads;
        int batch = index / _problem.Heads;
        int queryLength = _problem.QueryLengthOf(batch);
        if (!DecodePlan.Applies(queryLength))
        {
            return;
        }

        int firstHead = head / _problem.GroupSize * _problem.GroupSize;
        using Scratch.Rental rental = Scratch.Rent(_plan.PaddedValueSize);
        for (int query = 0; query < queryLength; query++)
        {
            int row = (head - firstHead) * queryLength + query;
            float max = float.NegativeInfinity;
            for (int piece = 0; piece < _plan.Pieces; piece++)
            {
                float candidate = *_plan.Partial(_partials, batch, firstHead, row, piece);
                max = candidate > max || float.IsNaN(candidate) ? candidate : max;
            }

            Packing.Clear<TSimd, TVector>(rental.Memory, _plan.PaddedValueSize);
            float sum = 0;
            for (int piece = 0; piece < _plan.Pieces; piece++)
            {
                float* partial = _plan.Partial(_partials, batch, firstHead, row, piece);
                if (partial[1] != 0)
                {
                    float weight = MathF.Exp(partial[0] - max);
                    sum += weight * partial[1];
                    AddScaled(partial + DecodePlan.Header, weight, rental.Memory);
                }
            }

            RowEnd end = RowEnd.Of(max, sum, _problem.SinkLogits != null ? _problem.SinkLogits[head] : float.NegativeInfinity);
            RowEnd.Write<TSimd, TVector>(
                rental.Memory, end.Divisor, _problem.ValueSize,
                _problem.QuerySide(_problem.Output, batch, head) + query * _problem.Output.RowStride);
            if (_problem.LogSumExp.IsPresent)
            {
                *(_problem.QuerySide(_problem.LogSumExp, batch, head) + query * _problem.LogSumExp.RowStride) = end.LogSumExp;
            }
        }
    }

    private void AddScaled(float* source, float factor, float* destination)
    {
        TVector factors = TSimd.Create(factor);
        for (int i = 0; i < _plan.PaddedValueSize; i += TSimd.Count)
        {
            TSimd.Store(TSimd.MultiplyAdd(TSimd.Load(source + i), factors, TSimd.Load(destination + i)), destination + i);
        }
    }
}
