using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Decoding, first half: all query rows of one key head against one piece of its keys. Pieces have a fixed size, whatever the
/// threads, and leave a partial result each: maximum, sum and unnormalised output ("Flash-Decoding", Dao et al. 2023).
/// </summary>
internal readonly unsafe struct DecodePiece<TSimd, TVector, TMask, TModifier> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
{
    private readonly AttentionProblem _problem;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly DecodePlan _plan;
    private readonly float* _partials;

    internal DecodePiece(in AttentionProblem problem, in TMask mask, in TModifier modifier, in DecodePlan plan, float* partials)
    {
        _problem = problem;
        _mask = mask;
        _modifier = modifier;
        _plan = plan;
        _partials = partials;
    }

    public void Invoke(int index)
    {
        int piece = index % _plan.Pieces;
        int keyHead = index / _plan.Pieces % _problem.KeyValueHeads;
        int batch = index / _plan.Pieces / _problem.KeyValueHeads;
        int queryLength = _problem.QueryLengthOf(batch);
        if (!DecodePlan.Applies(queryLength))
        {
            return;
        }

        int keyLength = _problem.KeyLengthOf(batch);
        IndexRange keys = new(piece * DecodePlan.PieceKeys, Math.Min((piece + 1) * DecodePlan.PieceKeys, keyLength));
        int rows = queryLength * _problem.GroupSize;
        for (int first = 0; first < rows; first += 4)
        {
            int present = Math.Min(4, rows - first);
            if (present == 1)
            {
                Process<OneRow>(batch, keyHead, piece, keys, first, 1, queryLength, keyLength);
            }
            else
            {
                Process<FourRows>(batch, keyHead, piece, keys, first, present, queryLength, keyLength);
            }
        }
    }

    /// <summary>Up to four rows; rows are counted head by head, query by query.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Process<TRows>(int batch, int keyHead, int piece, IndexRange keys, int firstRow, int rows, int queryLength, int keyLength)
        where TRows : struct, IRowCount
    {
        int headSize = _problem.HeadSize;
        int queryStride = TilePlan.RoundUp(headSize, TSimd.Count);
        int firstHead = keyHead * _problem.GroupSize;

        IndexRange used = default;
        for (int row = 0; row < rows; row++)
        {
            IndexRange bounds = RowBounds(batch, firstHead, firstRow + row, queryLength, keyLength).Intersect(keys);
            used = used.IsEmpty ? bounds
                : bounds.IsEmpty ? used
                : new IndexRange(Math.Min(used.Start, bounds.Start), Math.Max(used.End, bounds.End));
        }

        float* partials = _plan.Partial(_partials, batch, firstHead, firstRow, piece);
        nint partialStride = _plan.RowStride;
        if (used.IsEmpty)
        {
            for (int row = 0; row < rows; row++)
            {
                partials[row * partialStride] = float.NegativeInfinity;
                partials[row * partialStride + 1] = 0;
            }

            return;
        }

        // Whole vectors of scores from a whole vector on, so that their sums do not depend on the mask's bounds.
        int start = (used.Start - keys.Start) / TSimd.Count * TSimd.Count;
        int end = used.End - keys.Start;
        int paddedEnd = TilePlan.RoundUp(end + 1, TSimd.Count);
        int scoreStride = TilePlan.RoundUp(DecodePlan.PieceKeys + 1, TSimd.Count) + TSimd.Count;
        using Scratch.Rental rental = Scratch.Rent(TRows.Count * (queryStride + scoreStride + _plan.PaddedValueSize) + scoreStride);
        float* queries = rental.Memory;
        float* scores = queries + TRows.Count * queryStride;
        float* accumulators = scores + TRows.Count * scoreStride;
        float* keepFactors = accumulators + TRows.Count * _plan.PaddedValueSize;
        for (int row = 0; row < TRows.Count; row++)
        {
            // Rows that are missing repeat the first one; their results go nowhere.
            (int head, int query) = RowOf(firstHead, firstRow + (row < rows ? row : 0), queryLength);
            Packing.Compact<TSimd, TVector>(
                _problem.QuerySide(_problem.Query, batch, head) + query * _problem.Query.RowStride,
                0, 1, 1, headSize, _problem.QueryFactor, queries + row * queryStride, queryStride);
        }

        Packing.Clear<TSimd, TVector>(accumulators, TRows.Count * _plan.PaddedValueSize);
        float* key = _problem.KeySide(_problem.Key, batch, firstHead) + (nint)(keys.Start + start) * _problem.Key.RowStride;
        DecodeKernel.Scores<TSimd, TVector, TRows>(
            queries, queryStride, key, _problem.Key.RowStride, end - start, headSize, scores + start, scoreStride);
        for (int row = 0; row < TRows.Count; row++)
        {
            if (row < rows)
            {
                (int head, int query) = RowOf(firstHead, firstRow + row, queryLength);
                Softmax(batch, head, query, keys, start, end, paddedEnd, scores + row * scoreStride, keepFactors, partials + row * partialStride);
            }
        }

        float* value = _problem.KeySide(_problem.Value, batch, firstHead) + (nint)(keys.Start + start) * _problem.Value.RowStride;
        DecodeKernel.Accumulate<TSimd, TVector, TRows>(
            scores + start, scoreStride, value, _problem.Value.RowStride, end - start, _problem.ValueSize, accumulators, _plan.PaddedValueSize);
        for (int row = 0; row < rows; row++)
        {
            float* accumulator = accumulators + row * _plan.PaddedValueSize;
            if (!IsFinite(accumulator))
            {
                // NaN or infinity among the values: those of weight zero must not have taken part.
                Packing.Clear<TSimd, TVector>(accumulator, _plan.PaddedValueSize);
                DecodeKernel.AccumulateSelected(
                    scores + row * scoreStride + start, value, _problem.Value.RowStride, end - start, _problem.ValueSize, accumulator);
            }

            new ReadOnlySpan<float>(accumulator, _plan.PaddedValueSize)
                .CopyTo(new Span<float>(partials + row * partialStride + DecodePlan.Header, _plan.PaddedValueSize));
        }
    }

    /// <summary>Scores of one row become unnormalised weights; maximum (as a natural score) and sum go to the partial result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Softmax(
        int batch, int head, int query, IndexRange keys, int start, int end, int paddedEnd, float* scores, float* keepFactors, float* partial)
    {
        ScoreRow.Hide(scores, end, paddedEnd);
        float max = ScoreRow.Prepare<TSimd, TVector, TMask, TModifier>(
            _problem, _mask, _modifier, scores, new IndexRange(start, TilePlan.RoundUp(end, TSimd.Count)), keys, batch, head, query, isFull: false, float.NegativeInfinity);
        float factor = ScoreRow.Factor<TModifier>(_problem);
        float shift = max == float.NegativeInfinity ? 0 : max;
        TVector sums = ScoreRow.Exponentiate<TSimd, TVector>(scores, start, paddedEnd, shift, factor * VectorMath.Log2E, TSimd.Zero);
        partial[0] = max * factor;
        partial[1] = TSimd.Sum(sums);
        if (_problem.Dropout > 0)
        {
            DropoutMask.FillKeep(
                _problem.DropoutSeed, batch, head, query, keys.Start + start, paddedEnd - start, _problem.Dropout, keepFactors);
            ScoreRow.Multiply<TSimd, TVector>(scores + start, keepFactors, paddedEnd - start);
        }
    }

    private IndexRange RowBounds(int batch, int firstHead, int row, int queryLength, int keyLength)
    {
        (int head, int query) = RowOf(firstHead, row, queryLength);
        return _mask.KeyBounds(batch, head, new IndexRange(query, query + 1), keyLength);
    }

    private static (int Head, int Query) RowOf(int firstHead, int row, int queryLength) => (firstHead + row / queryLength, row % queryLength);

    private bool IsFinite(float* accumulator)
    {
        TVector test = TSimd.Zero;
        for (int i = 0; i < _plan.PaddedValueSize; i += TSimd.Count)
        {
            test = TSimd.MultiplyAdd(TSimd.Load(accumulator + i), TSimd.Zero, test);
        }

        return TSimd.Sum(test) == 0;
    }
}
