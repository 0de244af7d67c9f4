using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// From the gradients of additive scores, dS, to those of query, key and score vector, one lane a piece: with t = tanh(q + k) computed again,
/// dS t comes to the vector and dS v (1 - t^2) to query and key. In go tiles of queries, out come their rows of the query's gradient,
/// and what is added to the gradients of keys, values and score vector, tile after tile in a fixed order.
/// </summary>
internal readonly unsafe struct AdditiveBackward<TSimd, TVector, TMask, TSource> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TSource : struct, IScoreGradientSource<TSimd, TVector, TMask>
{
    private readonly AdditiveGradientProblem _problem;
    private readonly TMask _mask;
    private readonly TSource _source;
    private readonly LanePlan _plan;
    private readonly AdditiveParts _parts;

    internal AdditiveBackward(
        in AdditiveGradientProblem problem, in TMask mask, in TSource source, in LanePlan plan, in AdditiveParts parts)
    {
        _problem = problem;
        _mask = mask;
        _source = source;
        _plan = plan;
        _parts = parts;
    }

    public void Invoke(int index)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        float* scoreVector = _parts.ScoreVector(index);
        RowOperations.Clear(scoreVector, attention.HeadSize);
        IndexRange units = _plan.UnitsOf(index);
        for (int unit = units.Start; unit < units.End; unit++)
        {
            LanePart part = _plan.Part(index, unit);
            float* keys = _parts.Keys(part.Memory);
            float* values = _parts.Values(part.Memory);
            NativeMemory.Clear(keys, (nuint)_parts.KeyFloats * sizeof(float));
            NativeMemory.Clear(values, (nuint)_parts.ValueFloats * sizeof(float));
            for (int tile = part.Tiles.Start; tile < part.Tiles.End; tile++)
            {
                AddTile(_plan.Item(part, tile), keys, values, scoreVector);
            }

            // dz = dS v (1 - t^2): the factor v is the same for a whole row of sums.
            for (int row = 0; row < attention.HeadSize; row++)
            {
                ScoreRow.Scale<TSimd, TVector>(keys + (nint)row * _parts.KeyStride, _parts.KeyStride, _problem.Forward.ScoreVector[row]);
            }

            if (!_plan.IsSpread)
            {
                IndexRange all = new(0, attention.KeyLength);
                AdditiveFold<TSimd, TVector>.AddKeys(keys, _parts.KeyStride, _problem.KeyGradient, part, attention.HeadSize, all);
                AdditiveFold<TSimd, TVector>.AddValues(values, _problem.ValueGradient, part, attention.ValueSize, all);
            }
        }
    }

    private void AddTile(in WorkItem item, float* keys, float* values, float* scoreVector)
    {
        AdditiveTile<TSimd, TVector, TMask> tile = new(_problem.Forward, _mask, item);
        nint queryFloats = (nint)AdditiveTile<TSimd, TVector, TMask>.MostRows * _problem.Forward.Attention.HeadSize;
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + queryFloats + _source.Floats(tile));
        float* queryGradients = tile.Place(rental.Memory);
        float* memory = queryGradients + queryFloats;
        RowOperations.Clear(queryGradients, queryFloats);
        _source.Start(tile, memory);
        for (int block = tile.FirstBlock; block < tile.EndBlock; block++)
        {
            float* gradients = _source.Compute(ref tile, block, memory, values);
            if (gradients != null)
            {
                AddThroughTanh(tile, gradients, queryGradients, keys + tile.Block.Start, scoreVector);
            }
        }

        WriteQueries(item, queryGradients);
    }

    /// <summary>
    /// For every hidden unit: w = dS (1 - t^2), summed by query and by key, and dS t, summed over both. The unit stands outside, so that
    /// its keys and their gradient, a few KB, stay in the first-level cache for all queries; sums across lanes come once a row.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddThroughTanh(
        in AdditiveTile<TSimd, TVector, TMask> tile, float* gradients, float* queryGradients, float* keyGradients, float* scoreVector)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        int size = attention.HeadSize;
        int rows = tile.Item.Queries.Length;
        float* queries = attention.Query.At(tile.Item.Batch, tile.Item.Head, tile.Item.Queries.Start);
        nint queryStride = attention.Query.RowStride;
        for (int unit = 0; unit < size; unit++)
        {
            float* keys = tile.Keys + (nint)unit * tile.KeyStride;
            TVector scoreSums = TSimd.Zero;
            for (int row = 0; row < rows; row++)
            {
                IndexRange columns = tile.Ranges[row];
                queryGradients[(nint)row * size + unit] += AddRow(
                    queries[row * queryStride + unit], keys, gradients + (nint)row * tile.ScoreStride, keyGradients, columns.Start, columns.End,
                    ref scoreSums);
            }

            scoreVector[unit] += TSimd.Sum(scoreSums);
            keyGradients += _parts.KeyStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float AddRow(float query, float* keys, float* gradients, float* keyGradients, int start, int end, ref TVector scoreSums)
    {
        TVector spread = TSimd.Create(query);
        TVector querySums = TSimd.Zero;
        TVector sums = scoreSums;
        for (int column = start; column < end; column += TSimd.Count)
        {
            TVector gradient = TSimd.Load(gradients + column);

            // Where no gradient comes from, behind a mask, there may be anything: its tangent must not be looked at.
            TVector tanh = TSimd.Select(
                TSimd.Equals(gradient, TSimd.Zero), TSimd.Zero, RationalTanh.Compute<TSimd, TVector>(TSimd.Add(spread, TSimd.Load(keys + column))));
            TVector through = TSimd.Multiply(gradient, TSimd.Subtract(TSimd.Create(1f), TSimd.Multiply(tanh, tanh)));
            querySums = TSimd.Add(querySums, through);
            TSimd.Store(TSimd.Add(TSimd.Load(keyGradients + column), through), keyGradients + column);
            sums = TSimd.MultiplyAdd(gradient, tanh, sums);
        }

        scoreSums = sums;
        return TSimd.Sum(querySums);
    }

    private void WriteQueries(in WorkItem item, float* queryGradients)
    {
        int size = _problem.Forward.Attention.HeadSize;
        for (int row = 0; row < item.Queries.Length && _problem.QueryGradient.IsPresent; row++)
        {
            float* destination = _problem.QueryGradient.At(item.Batch, item.Head, item.Queries.Start + row);
            for (int unit = 0; unit < size; unit++)
            {
                destination[unit] = queryGradients[(nint)row * size + unit] * _problem.Forward.ScoreVector[unit];
            }
        }
    }
}
