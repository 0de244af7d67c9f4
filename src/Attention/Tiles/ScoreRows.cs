using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>What a call for scores or weights asks for besides the problem.</summary>
internal unsafe struct ScoreRequest
{
    internal ScoreStage Stage;

    /// <summary>The chosen heads, or null for all; likewise the queries.</summary>
    internal int* Heads;
    internal int HeadCount;
    internal int* Queries;
    internal int QueryCount;

    /// <summary>[batch, chosen heads, chosen queries, keys].</summary>
    internal Operand Destination;
}

/// <summary>Scores or weights of chosen rows, up to four rows of one head at a time, each computed over all of its keys.</summary>
internal readonly unsafe struct ScoreRows<TSimd, TVector, TMask, TModifier> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
{
    private const int RowsAtOnce = 4;

    private readonly AttentionProblem _problem;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly ScoreRequest _request;

    internal ScoreRows(in AttentionProblem problem, in TMask mask, in TModifier modifier, in ScoreRequest request)
    {
        _problem = problem;
        _mask = mask;
        _modifier = modifier;
        _request = request;
    }

    internal int Count => checked(_problem.Batch * _request.HeadCount * Groups);

    private int Groups => (_request.QueryCount + RowsAtOnce - 1) / RowsAtOnce;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        int firstRow = index % Groups * RowsAtOnce;
        int headIndex = index / Groups % _request.HeadCount;
        int batch = index / Groups / _request.HeadCount;
        int head = _request.Heads == null ? headIndex : _request.Heads[headIndex];
        int keys = _problem.KeyLength;
        int rows = Math.Min(RowsAtOnce, _request.QueryCount - firstRow);
        int queryStride = TilePlan.RoundUp(_problem.HeadSize, TSimd.Count);
        int scoreStride = TilePlan.RoundUp(keys + 1, TSimd.Count);
        using Scratch.Rental rental = Scratch.Rent((nint)RowsAtOnce * (queryStride + scoreStride));
        float* queries = rental.Memory;
        float* scores = queries + RowsAtOnce * queryStride;
        for (int row = 0; row < RowsAtOnce; row++)
        {
            Packing.Compact<TSimd, TVector>(
                _problem.QuerySide(_problem.Query, batch, head) + Query(firstRow + Math.Min(row, rows - 1)) * _problem.Query.RowStride,
                0, 1, 1, _problem.HeadSize, _problem.QueryFactor, queries + row * queryStride, queryStride);
        }

        DecodeKernel.Scores<TSimd, TVector, FourRows>(
            queries, queryStride, _problem.KeySide(_problem.Key, batch, head), _problem.Key.RowStride, keys, _problem.HeadSize, scores, scoreStride);
        for (int row = 0; row < rows; row++)
        {
            float* result = scores + (nint)row * scoreStride;
            Finish(result, batch, head, Query(firstRow + row), keys);
            new ReadOnlySpan<float>(result, keys).CopyTo(
                new Span<float>(_request.Destination.At(batch, headIndex, firstRow + row), keys));
        }
    }

    private int Query(int row) => _request.Queries == null ? row : _request.Queries[row];

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(float* row, int batch, int head, int query, int keys)
    {
        IndexRange block = new(0, keys);
        IndexRange columns = new(0, TilePlan.RoundUp(keys, TSimd.Count));
        if (_request.Stage == ScoreStage.Raw)
        {
            ScoreRow.Scale<TSimd, TVector>(row, columns.End, _problem.PositiveScale);
            return;
        }

        if (_request.Stage == ScoreStage.Modified)
        {
            ScoreRow.Transform<TSimd, TVector, TModifier>(
                row, columns, keys, _problem.PositiveScale, _modifier, null, 0, 0, batch, head, query, 0);
            return;
        }

        float max = ScoreRow.Prepare<TSimd, TVector, TMask, TModifier>(
            _problem, _mask, _modifier, row, columns, block, batch, head, query, isFull: false, float.NegativeInfinity);
        float factor = ScoreRow.Factor<TModifier>(_problem);
        if (_request.Stage == ScoreStage.Masked)
        {
            ScoreRow.Scale<TSimd, TVector>(row, columns.End, factor);
            return;
        }

        float shift = max == float.NegativeInfinity ? 0 : max;
        float sum = TSimd.Sum(ScoreRow.Exponentiate<TSimd, TVector>(row, 0, columns.End, shift, factor * VectorMath.Log2E, TSimd.Zero));
        float weight;
        if (_problem.LogSumExp.IsPresent)
        {
            float logSumExp = *(_problem.QuerySide(_problem.LogSumExp, batch, head) + query * _problem.LogSumExp.RowStride);
            weight = logSumExp == float.NegativeInfinity ? 0 : MathF.Exp(max * factor - logSumExp);
        }
        else
        {
            weight = 1 / RowEnd.Of(max * factor, sum, _problem.SinkLogits != null ? _problem.SinkLogits[head] : float.NegativeInfinity).Divisor;
        }

        ScoreRow.Scale<TSimd, TVector>(row, columns.End, weight);
    }
}
