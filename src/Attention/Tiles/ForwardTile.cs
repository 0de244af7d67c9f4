using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Gemm;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The forward pass for one tile of queries of one head: block after block of keys, scores = Q K^T, online softmax,
/// accumulators = accumulators + weights V (Dao 2022, "FlashAttention", algorithm 1; running maximum and normaliser of
/// Milakov and Gimelshein 2018). Nothing of size queries x keys is ever stored.
/// </summary>
internal readonly unsafe struct ForwardTile<TSimd, TVector, TMask, TModifier> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
{
    private readonly AttentionProblem _problem;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly TilePlan _plan;
    private readonly WorkItems _items;

    internal ForwardTile(in AttentionProblem problem, in TMask mask, in TModifier modifier, in TilePlan plan, in WorkItems items)
    {
        _problem = problem;
        _mask = mask;
        _modifier = modifier;
        _plan = plan;
        _items = items;
    }

    public void Invoke(int index)
    {
        WorkItem item = _items[index];
        int batch = item.Batch;
        int head = item.Head;
        int keyLength = _problem.KeyLengthOf(batch);
        int rows = item.Queries.Length;
        int paddedRows = TilePlan.RoundUp(rows, MicroKernel.Rows);
        int headSize = _problem.HeadSize;
        int blockKeys = _plan.KeyBlock;
        int valueColumns = _plan.ValueColumns;

        nint queryFloats = (nint)paddedRows * headSize;
        nint accumulatorFloats = (nint)paddedRows * valueColumns;
        nint keyFloats = (nint)blockKeys * headSize;
        nint valueFloats = (nint)blockKeys * _plan.ValueStride;
        nint scoreFloats = (nint)TilePlan.GroupRows * blockKeys;
        using Scratch.Rental rental = Scratch.Rent(
            queryFloats + accumulatorFloats + keyFloats + valueFloats + scoreFloats + (nint)paddedRows * (1 + TSimd.Count) + blockKeys);
        TileState state = default;
        state.Queries = rental.Memory;
        state.Accumulators = state.Queries + queryFloats;
        state.KeyPanels = state.Accumulators + accumulatorFloats;
        state.Values = state.KeyPanels + keyFloats;
        state.Scores = state.Values + valueFloats;
        state.Sums = state.Scores + scoreFloats;
        state.Maxima = state.Sums + (nint)paddedRows * TSimd.Count;
        state.KeepFactors = state.Maxima + paddedRows;

        float* queries = _problem.QuerySide(_problem.Query, batch, head) + item.Queries.Start * _problem.Query.RowStride;
        Packing.Compact<TSimd, TVector>(
            queries, _problem.Query.RowStride, rows, paddedRows, headSize, _problem.QueryFactor, state.Queries, headSize);
        Packing.Clear<TSimd, TVector>(state.Accumulators, accumulatorFloats);
        Packing.Clear<TSimd, TVector>(state.Sums, (nint)paddedRows * TSimd.Count);
        new Span<float>(state.Maxima, paddedRows).Fill(float.NegativeInfinity);

        IndexRange bounds = _mask.KeyBounds(batch, head, item.Queries, keyLength).Intersect(new IndexRange(0, keyLength));
        for (int first = bounds.Start / blockKeys * blockKeys; first < bounds.End; first += blockKeys)
        {
            IndexRange keys = new(first, Math.Min(first + blockKeys, keyLength));
            IndexRange used = keys.Intersect(bounds);
            if (used.IsEmpty)
            {
                continue;
            }

            TileCoverage coverage = _mask.Cover(batch, head, item.Queries, used);
            if (coverage == TileCoverage.None)
            {
                continue;
            }

            state.Keys = keys;
            state.Used = new IndexRange((used.Start - first) / _plan.Columns * _plan.Columns, TilePlan.RoundUp(used.End - first, _plan.Columns));
            PackBlock(ref state, batch, head);
            for (int row = 0; row < rows; row += TilePlan.GroupRows)
            {
                ProcessGroup(ref state, item, row, Math.Min(TilePlan.GroupRows, rows - row), keyLength, coverage == TileCoverage.Full && used == keys);
            }
        }

        Finish(state, item, rows);
    }

    /// <summary>Packs the used panels of a block of keys and its values.</summary>
    private void PackBlock(ref TileState state, int batch, int head)
    {
        int start = state.Used.Start;
        int present = Math.Min(state.Used.End, state.Keys.Length) - start;
        nint firstRow = state.Keys.Start + start;
        Packing.Transposed<TSimd, TVector>(
            _problem.KeySide(_problem.Key, batch, head) + firstRow * _problem.Key.RowStride,
            _problem.Key.RowStride, present, _problem.HeadSize, state.KeyPanels + (nint)start * _problem.HeadSize);
        state.ValuesAreFinite = Packing.Compact<TSimd, TVector>(
            _problem.KeySide(_problem.Value, batch, head) + firstRow * _problem.Value.RowStride,
            _problem.Value.RowStride, present, state.Used.Length, _problem.ValueSize, 1,
            state.Values + (nint)start * _plan.ValueStride, _plan.ValueStride);
    }

    /// <summary>One block of keys for up to eight strips of queries: [48, head size] x [head size, keys] and so on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ProcessGroup(ref TileState state, in WorkItem item, int firstRow, int rows, int keyLength, bool isFull)
    {
        int columns = _plan.Columns;
        int headSize = _problem.HeadSize;
        int blockKeys = _plan.KeyBlock;
        int strips = (rows + MicroKernel.Rows - 1) / MicroKernel.Rows;
        IndexRange block = state.Keys;
        IndexRange groupQueries = new(item.Queries.Start + firstRow, item.Queries.Start + firstRow + rows);

        if (!isFull)
        {
            TileCoverage coverage = _mask.Cover(item.Batch, item.Head, groupQueries, block);
            if (coverage == TileCoverage.None)
            {
                return;
            }

            isFull = coverage == TileCoverage.Full && state.Used.Length >= state.Keys.Length;
        }

        Segments segments = default;
        StripBounds bounds = default;
        int count;
        if (isFull)
        {
            count = 1;
            segments[0] = state.Used;
            bounds.SetAll(strips, state.Used);
        }
        else
        {
            count = Segments.Find(_mask, item.Batch, item.Head, groupQueries, block, state.Used, columns, ref segments);
            if (count == 0)
            {
                return;
            }

            bounds.Find(_mask, item.Batch, item.Head, groupQueries, block, keyLength, columns);
        }

        // Scores: each panel of keys stays in the first-level cache while all strips use it.
        for (int s = 0; s < count; s++)
        {
            for (int column = segments[s].Start; column < segments[s].End; column += columns)
            {
                for (int strip = 0; strip < strips; strip++)
                {
                    if (bounds[strip].Contains(column))
                    {
                        MicroKernel.Multiply<TSimd, TVector>(
                            state.Queries + (nint)(firstRow + strip * MicroKernel.Rows) * headSize, headSize, 1,
                            state.KeyPanels + (nint)column * headSize, columns, headSize,
                            state.Scores + (nint)strip * MicroKernel.Rows * blockKeys + column, blockKeys, accumulate: false);
                    }
                }
            }
        }

        for (int row = 0; row < rows; row++)
        {
            SoftmaxRow(ref state, item, firstRow, row, segments, count, bounds[row / MicroKernel.Rows], isFull);
        }

        // Values: a piece of a panel of values stays in the first-level cache while all strips use it.
        for (int first = state.Used.Start / TilePlan.ValuePiece * TilePlan.ValuePiece; first < state.Used.End; first += TilePlan.ValuePiece)
        {
            IndexRange piece = new(first, first + TilePlan.ValuePiece);
            for (int column = 0; column < _plan.ValueColumns; column += columns)
            {
                for (int strip = 0; strip < strips; strip++)
                {
                    IndexRange needed = bounds[strip].Intersect(piece);
                    for (int s = 0; s < count; s++)
                    {
                        IndexRange keys = segments[s].Intersect(needed);
                        if (!keys.IsEmpty)
                        {
                            AddValues(state, firstRow, strip, rows, keys, column);
                        }
                    }
                }
            }
        }
    }

    /// <summary>accumulators[6, columns] += weights[6, keys] values[keys, columns].</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void AddValues(in TileState state, int firstRow, int strip, int rows, IndexRange keys, int column)
    {
        float* weights = state.Scores + (nint)strip * MicroKernel.Rows * _plan.KeyBlock + keys.Start;
        float* values = state.Values + (nint)keys.Start * _plan.ValueStride + column;
        float* accumulators = state.Accumulators + (nint)(firstRow + strip * MicroKernel.Rows) * _plan.ValueColumns + column;
        if (state.ValuesAreFinite)
        {
            MicroKernel.Multiply<TSimd, TVector>(
                weights, _plan.KeyBlock, 1, values, _plan.ValueStride, keys.Length, accumulators, _plan.ValueColumns, accumulate: true);
        }
        else
        {
            SelectiveKernel.Multiply<TSimd, TVector>(
                weights, _plan.KeyBlock, 1, values, _plan.ValueStride, keys.Length, accumulators, _plan.ValueColumns,
                Math.Min(MicroKernel.Rows, rows - strip * MicroKernel.Rows));
        }
    }

    /// <summary>Products of one row become weights; its running maximum, sums and accumulators follow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SoftmaxRow(
        ref TileState state, in WorkItem item, int firstRow, int row, in Segments segments, int count, IndexRange bounds, bool isFull)
    {
        float* scores = state.Scores + (nint)row * _plan.KeyBlock;
        int query = item.Queries.Start + firstRow + row;
        float floor = state.Maxima[firstRow + row];
        float factor = ScoreRow.Factor<TModifier>(_problem);
        float max = floor;
        for (int s = 0; s < count; s++)
        {
            IndexRange keys = segments[s].Intersect(bounds);
            if (!keys.IsEmpty)
            {
                max = ScoreRow.Prepare<TSimd, TVector, TMask, TModifier>(
                    _problem, _mask, _modifier, scores, keys, state.Keys, item.Batch, item.Head, query, isFull, max);
            }
        }

        // A row that has seen no key yet keeps a maximum of -inf; subtracting 0 instead leaves its weights at zero.
        float shift = max == float.NegativeInfinity ? 0 : max;
        TVector sums = TSimd.Load(state.Sums + (nint)(firstRow + row) * TSimd.Count);
        if (max != floor)
        {
            state.Maxima[firstRow + row] = max;
            if (floor != float.NegativeInfinity)
            {
                float decay = MathF.Exp((floor - shift) * factor);
                sums = TSimd.Multiply(sums, TSimd.Create(decay));
                ScoreRow.Scale<TSimd, TVector>(state.Accumulators + (nint)(firstRow + row) * _plan.ValueColumns, _plan.ValueColumns, decay);
            }
        }

        for (int s = 0; s < count; s++)
        {
            IndexRange keys = segments[s].Intersect(bounds);
            sums = ScoreRow.Exponentiate<TSimd, TVector>(scores, keys.Start, keys.End, shift, factor * VectorMath.Log2E, sums);
        }

        TSimd.Store(sums, state.Sums + (nint)(firstRow + row) * TSimd.Count);
        if (_problem.Dropout > 0)
        {
            for (int s = 0; s < count; s++)
            {
                Drop(scores, segments[s].Intersect(bounds), item, query, state);
            }
        }
    }

    /// <summary>Dropout of normalised weights is the same as of these, whose normaliser has already been summed.</summary>
    private void Drop(float* weights, IndexRange keys, in WorkItem item, int query, in TileState state)
    {
        if (!keys.IsEmpty)
        {
            DropoutMask.FillKeep(
                _problem.DropoutSeed, item.Batch, item.Head, query, state.Keys.Start + keys.Start, keys.Length, _problem.Dropout, state.KeepFactors);
            ScoreRow.Multiply<TSimd, TVector>(weights + keys.Start, state.KeepFactors, keys.Length);
        }
    }

    /// <summary>Divides by the normaliser and writes output and log-sum-exp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(in TileState state, in WorkItem item, int rows)
    {
        float factor = ScoreRow.Factor<TModifier>(_problem);
        float* output = _problem.QuerySide(_problem.Output, item.Batch, item.Head) + item.Queries.Start * _problem.Output.RowStride;
        for (int row = 0; row < rows; row++, output += _problem.Output.RowStride)
        {
            RowEnd end = RowEnd.Of(
                state.Maxima[row] * factor, TSimd.Sum(TSimd.Load(state.Sums + (nint)row * TSimd.Count)),
                _problem.SinkLogits != null ? _problem.SinkLogits[item.Head] : float.NegativeInfinity);
            RowEnd.Write<TSimd, TVector>(
                state.Accumulators + (nint)row * _plan.ValueColumns, end.Divisor, _problem.ValueSize, output);
            if (_problem.LogSumExp.IsPresent)
            {
                *(_problem.QuerySide(_problem.LogSumExp, item.Batch, item.Head)
                    + (item.Queries.Start + row) * _problem.LogSumExp.RowStride) = end.LogSumExp;
            }
        }
    }

    /// <summary>The working memory of a tile and the block it is at.</summary>
    private struct TileState
    {
        internal float* Queries;
        internal float* Accumulators;
        internal float* KeyPanels;
        internal float* Values;
        internal float* Scores;
        internal float* Sums;
        internal float* Maxima;
        internal float* KeepFactors;
        internal IndexRange Keys;
        internal IndexRange Used;
        internal bool ValuesAreFinite;
    }
}
