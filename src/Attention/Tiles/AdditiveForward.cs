using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Gemm;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The forward pass of additive attention for one tile of queries: block after block of keys, scores, online softmax, and
/// accumulators = accumulators + weights values. Nothing larger than queries of a tile x keys of a block is ever stored.
/// </summary>
internal readonly unsafe struct AdditiveForward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly AdditiveProblem _problem;
    private readonly TMask _mask;
    private readonly WorkItems _items;

    internal AdditiveForward(in AdditiveProblem problem, in TMask mask, in WorkItems items)
    {
        _problem = problem;
        _mask = mask;
        _items = items;
    }

    public void Invoke(int index)
    {
        ref readonly AttentionProblem attention = ref _problem.Attention;
        AdditiveTile<TSimd, TVector, TMask> tile = new(_problem, _mask, _items[index]);
        int rows = tile.Item.Queries.Length;
        RowState state = default;
        state.ValueStride = TilePlan.RoundUp(attention.ValueSize, ScoreRow.CacheLine);
        nint accumulatorFloats = (nint)rows * state.ValueStride;
        nint sumFloats = (nint)rows * TSimd.Count;
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + accumulatorFloats + sumFloats + rows + tile.ScoreStride);
        state.Accumulators = tile.Place(rental.Memory);
        state.Sums = state.Accumulators + accumulatorFloats;
        state.Maxima = state.Sums + sumFloats;
        state.KeepFactors = state.Maxima + rows;
        new Span<float>(state.Accumulators, checked((int)(accumulatorFloats + sumFloats))).Clear();
        new Span<float>(state.Maxima, rows).Fill(float.NegativeInfinity);
        for (int block = tile.FirstBlock; block < tile.EndBlock; block++)
        {
            if (tile.Compute(block))
            {
                for (int row = 0; row < rows; row++)
                {
                    SoftmaxRow(tile, state, row);
                }

                AddValues(tile, state);
            }
        }

        Finish(tile, state);
    }

    /// <summary>Scores of one row become weights; its running maximum, sums and accumulators follow.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void SoftmaxRow(in AdditiveTile<TSimd, TVector, TMask> tile, in RowState state, int row)
    {
        IndexRange columns = tile.Ranges[row];
        float* scores = tile.Scores + (nint)row * tile.ScoreStride;
        if (!columns.IsEmpty)
        {
            float floor = state.Maxima[row];
            float max = ScoreRow.Max<TSimd, TVector>(scores, columns.Start, columns.End, floor);

            // A row that has seen no key yet keeps a maximum of -inf; subtracting 0 instead leaves its weights at zero.
            float shift = max == float.NegativeInfinity ? 0 : max;
            TVector sums = TSimd.Load(state.Sums + (nint)row * TSimd.Count);
            if (max != floor)
            {
                state.Maxima[row] = max;
                if (floor != float.NegativeInfinity)
                {
                    float decay = MathF.Exp(floor - shift);
                    sums = TSimd.Multiply(sums, TSimd.Create(decay));
                    ScoreRow.Scale<TSimd, TVector>(state.Accumulators + (nint)row * state.ValueStride, state.ValueStride, decay);
                }
            }

            sums = ScoreRow.Exponentiate<TSimd, TVector>(scores, columns.Start, columns.End, shift, VectorMath.Log2E, sums);
            TSimd.Store(sums, state.Sums + (nint)row * TSimd.Count);
            Drop(tile, state, row);
        }

        ClearOutside(scores, columns, tile.Used);
    }

    /// <summary>Dropout of normalised weights is the same as of these, whose normaliser has already been summed.</summary>
    private void Drop(in AdditiveTile<TSimd, TVector, TMask> tile, in RowState state, int row)
    {
        ref readonly AttentionProblem attention = ref _problem.Attention;
        if (attention.Dropout > 0)
        {
            IndexRange columns = tile.Ranges[row];
            DropoutMask.FillKeep(
                attention.DropoutSeed, tile.Item.Batch, tile.Item.Head, tile.Item.Queries.Start + row, tile.Block.Start + columns.Start,
                columns.Length, attention.Dropout, state.KeepFactors);
            ScoreRow.Multiply<TSimd, TVector>(tile.Scores + (nint)row * tile.ScoreStride + columns.Start, state.KeepFactors, columns.Length);
        }
    }

    /// <summary>Zeros where a row of the product has no weights.</summary>
    internal static void ClearOutside(float* row, IndexRange columns, IndexRange used)
    {
        int start = columns.IsEmpty ? used.End : Math.Min(columns.Start, used.End);
        RowOperations.Clear(row + used.Start, Math.Max(0, start - used.Start));
        int end = columns.IsEmpty ? used.End : Math.Max(columns.End, used.Start);
        RowOperations.Clear(row + end, Math.Max(0, used.End - end));
    }

    private void AddValues(in AdditiveTile<TSimd, TVector, TMask> tile, in RowState state)
    {
        ref readonly AttentionProblem attention = ref _problem.Attention;
        SelectiveProduct.Multiply<TSimd, TVector>(new GemmProblem
        {
            Rows = tile.Item.Queries.Length,
            Columns = attention.ValueSize,
            Depth = tile.Used.Length,
            Left = tile.Scores + tile.Used.Start,
            LeftRow = tile.ScoreStride,
            LeftColumn = 1,
            Right = attention.Value.At(tile.Item.Batch, tile.Item.Head / attention.GroupSize, tile.Block.Start + tile.Used.Start),
            RightRow = attention.Value.RowStride,
            RightColumn = 1,
            Destination = state.Accumulators,
            DestinationRow = state.ValueStride,
            DestinationColumn = 1,
            Alpha = 1,
            Beta = 1,
        });
    }

    /// <summary>Divides by the normaliser and writes output and log-sum-exp.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Finish(in AdditiveTile<TSimd, TVector, TMask> tile, in RowState state)
    {
        ref readonly AttentionProblem attention = ref _problem.Attention;
        WorkItem item = tile.Item;
        for (int row = 0; row < item.Queries.Length; row++)
        {
            int query = item.Queries.Start + row;
            RowEnd end = RowEnd.Of(
                state.Maxima[row], TSimd.Sum(TSimd.Load(state.Sums + (nint)row * TSimd.Count)), float.NegativeInfinity);
            RowEnd.Write<TSimd, TVector>(
                state.Accumulators + (nint)row * state.ValueStride, end.Divisor, attention.ValueSize,
                attention.Output.At(item.Batch, item.Head, query));
            if (attention.LogSumExp.IsPresent)
            {
                *attention.LogSumExp.At(item.Batch, item.Head, query) = end.LogSumExp;
            }
        }
    }

    /// <summary>What a tile keeps for each of its rows from block to block.</summary>
    private struct RowState
    {
        internal float* Accumulators;
        internal float* Sums;
        internal float* Maxima;
        internal float* KeepFactors;
        internal int ValueStride;
    }
}
