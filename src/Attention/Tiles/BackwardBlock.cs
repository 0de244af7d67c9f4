using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Gemm;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The backward pass for one block of keys: it walks over the tiles of queries, recomputes their weights from the
/// log-sum-exp (Dao et al. 2022, algorithm 4) and takes five products a tile: S = Q K^T, dP = dO V^T, dV += P^T dO,
/// dK += dS^T Q, dQ += dS K.
/// </summary>
/// <remarks>
/// Blocks run in parallel. dK and dV belong to the block; dQ is shared, and each tile of it takes the blocks in their order
/// (<see cref="BackwardProblem.Turns"/>), so the sum does not depend on the threads. A bias gradient that blocks share takes
/// them in their order too (<see cref="BiasTurns"/>).
/// </remarks>
internal readonly unsafe struct BackwardBlock<TSimd, TVector, TMask, TModifier> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
{
    private readonly BackwardProblem _backward;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly BackwardPlan _plan;
    private readonly BackwardItems _items;

    internal BackwardBlock(in BackwardProblem backward, in TMask mask, in TModifier modifier, in BackwardPlan plan, in BackwardItems items)
    {
        _backward = backward;
        _mask = mask;
        _modifier = modifier;
        _plan = plan;
        _items = items;
    }

    public void Invoke(int index)
    {
        try
        {
            (int batch, int keyHead, int block) = _items[index];
            ProcessBlock(batch, keyHead, block);
        }
        catch
        {
            Volatile.Write(ref *_backward.Failed, 1);
            throw;
        }
    }

    private void ProcessBlock(int batch, int keyHead, int block)
    {
        ref readonly AttentionProblem problem = ref _backward.Forward;
        int keyLength = problem.KeyLengthOf(batch);
        IndexRange keys = new(block * _plan.KeyBlock, Math.Min((block + 1) * _plan.KeyBlock, keyLength));
        if (keys.IsEmpty)
        {
            return;
        }

        int size = _plan.KeyBlock;
        BlockState state = default;
        nint keyPanels = (nint)size * problem.HeadSize;
        nint valuePanels = (nint)size * problem.ValueSize;
        nint keyRows = (nint)size * _plan.HeadStride;
        nint valueRows = (nint)size * _plan.ValueStride;
        nint queryRows = (nint)BackwardPlan.QueryTile * _plan.HeadStride;
        nint gradientRows = (nint)BackwardPlan.QueryTile * _plan.ValueStride;
        nint scores = (nint)BackwardPlan.QueryTile * size;
        using Scratch.Rental rental = Scratch.Rent(
            keyPanels + valuePanels + 2 * keyRows + valueRows + 2 * queryRows + gradientRows + 2 * scores + 3 * size);
        state.KeyPanels = rental.Memory;
        state.ValuePanels = state.KeyPanels + keyPanels;
        state.KeyRows = state.ValuePanels + valuePanels;
        state.KeyGradient = state.KeyRows + keyRows;
        state.ValueGradient = state.KeyGradient + keyRows;
        state.Weights = state.ValueGradient + valueRows;
        state.ScoreGradients = state.Weights + scores;
        state.Queries = state.ScoreGradients + scores;
        state.QueryGradient = state.Queries + queryRows;
        state.OutputGradients = state.QueryGradient + queryRows;
        state.Allowed = state.OutputGradients + gradientRows;
        state.Keep = state.Allowed + size;
        state.BiasSums = state.Keep + size;
        state.Keys = keys;
        state.Columns = TilePlan.RoundUp(keys.Length, _plan.Columns);
        state.KeyStrips = TilePlan.RoundUp(keys.Length, MicroKernel.Rows);
        state.Block = block;

        int firstHead = keyHead * problem.GroupSize;
        float* key = problem.KeySide(problem.Key, batch, firstHead) + keys.Start * problem.Key.RowStride;
        float* value = problem.KeySide(problem.Value, batch, firstHead) + keys.Start * problem.Value.RowStride;
        Packing.Transposed<TSimd, TVector>(key, problem.Key.RowStride, keys.Length, problem.HeadSize, state.KeyPanels);
        Packing.Transposed<TSimd, TVector>(value, problem.Value.RowStride, keys.Length, problem.ValueSize, state.ValuePanels);
        state.KeysAreFinite = Packing.Compact<TSimd, TVector>(
            key, problem.Key.RowStride, keys.Length, state.Columns, problem.HeadSize, 1, state.KeyRows, _plan.HeadStride);
        Packing.Clear<TSimd, TVector>(state.KeyGradient, keyRows);
        Packing.Clear<TSimd, TVector>(state.ValueGradient, valueRows);

        int queryLength = problem.QueryLengthOf(batch);
        for (int head = firstHead; head < firstHead + problem.GroupSize; head++)
        {
            StartBias(ref state);
            for (int tile = 0; tile * BackwardPlan.QueryTile < queryLength; tile++)
            {
                IndexRange queries = new(tile * BackwardPlan.QueryTile, Math.Min((tile + 1) * BackwardPlan.QueryTile, queryLength));
                int* turn = _backward.Turns + ((nint)batch * problem.Heads + head) * _plan.Tiles + tile;
                TileCoverage coverage = _mask.Cover(batch, head, queries, keys);
                if (coverage == TileCoverage.None || !ProcessTile(ref state, batch, head, queries, coverage, turn))
                {
                    Turn.Await(turn, block, _backward.Failed);
                    if (_backward.BiasTurns.AreByTile)
                    {
                        _backward.BiasTurns.Await(batch, head, block, tile);
                        _backward.BiasTurns.Pass(batch, head, block, tile);
                    }
                }

                Volatile.Write(ref *turn, block + 1);
            }

            FinishBias(state, batch, head);
        }

        GradientRows.Write<TSimd, TVector>(
            state.KeyGradient, _plan.HeadStride, problem.HeadSize, problem.PositiveScale, keys.Length,
            problem.KeySide(_backward.KeyGradient, batch, firstHead) + keys.Start * _backward.KeyGradient.RowStride,
            _backward.KeyGradient.RowStride);
        GradientRows.Write<TSimd, TVector>(
            state.ValueGradient, _plan.ValueStride, problem.ValueSize, 1, keys.Length,
            problem.KeySide(_backward.ValueGradient, batch, firstHead) + keys.Start * _backward.ValueGradient.RowStride,
            _backward.ValueGradient.RowStride);
    }

    /// <summary>Says where the rows of the next head add to the bias gradient.</summary>
    private void StartBias(ref BlockState state)
    {
        state.BiasGradient = _backward.BiasGradient;
        if (_backward.BiasTurns.AreByHead)
        {
            new Span<float>(state.BiasSums, state.Keys.Length).Clear();
            state.BiasGradient = new Operand { Address = state.BiasSums - state.Keys.Start * _backward.BiasGradientKeyStride };
        }
    }

    /// <summary>Adds what the block summed by itself to the bias gradient.</summary>
    private void FinishBias(in BlockState state, int batch, int head)
    {
        if (_backward.BiasTurns.AreByHead)
        {
            nint keyStride = _backward.BiasGradientKeyStride;
            float* gradient = _backward.BiasGradient.At(batch, head, 0) + state.Keys.Start * keyStride;
            _backward.BiasTurns.Await(batch, head, state.Block, 0);
            RowOperations.Add<TSimd, TVector>(state.BiasSums, gradient, keyStride == 0 ? 1 : state.Keys.Length);
            _backward.BiasTurns.Pass(batch, head, state.Block, 0);
        }
    }

    /// <summary>One tile of queries against the block; false if the mask turned out to leave nothing.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private bool ProcessTile(ref BlockState state, int batch, int head, IndexRange queries, TileCoverage coverage, int* turn)
    {
        ref readonly AttentionProblem problem = ref _backward.Forward;
        int rows = queries.Length;
        int strips = (rows + MicroKernel.Rows - 1) / MicroKernel.Rows;
        int columns = _plan.Columns;
        int size = _plan.KeyBlock;
        bool isFull = coverage == TileCoverage.Full && state.Columns == state.Keys.Length && state.KeyStrips == state.Keys.Length;
        IndexRange all = new(0, state.Columns);
        Segments segments = default;
        StripBounds bounds = default;
        int count = 1;
        segments[0] = all;
        if (coverage == TileCoverage.Full)
        {
            bounds.SetAll(strips, all);
        }
        else
        {
            count = Segments.Find(_mask, batch, head, queries, state.Keys, all, columns, ref segments);
            bounds.Find(_mask, batch, head, queries, state.Keys, problem.KeyLengthOf(batch), columns);
            if (count == 0)
            {
                return false;
            }
        }

        if (!isFull)
        {
            // The products down the queries read whole columns: what is not computed must weigh zero.
            Packing.Clear<TSimd, TVector>(state.Weights, (nint)strips * MicroKernel.Rows * size);
            Packing.Clear<TSimd, TVector>(state.ScoreGradients, (nint)strips * MicroKernel.Rows * size);
        }

        int padded = strips * MicroKernel.Rows;
        bool queriesAreFinite = Packing.Compact<TSimd, TVector>(
            problem.QuerySide(problem.Query, batch, head) + queries.Start * problem.Query.RowStride,
            problem.Query.RowStride, rows, padded, problem.HeadSize, problem.QueryFactor, state.Queries, _plan.HeadStride);
        bool gradientsAreFinite = Packing.Compact<TSimd, TVector>(
            problem.QuerySide(_backward.OutputGradient, batch, head) + queries.Start * _backward.OutputGradient.RowStride,
            _backward.OutputGradient.RowStride, rows, padded, problem.ValueSize, 1, state.OutputGradients, _plan.ValueStride);

        Products(state.Queries, _plan.HeadStride, problem.HeadSize, state.KeyPanels, state.Weights, segments, count, bounds, strips);
        Products(state.OutputGradients, _plan.ValueStride, problem.ValueSize, state.ValuePanels, state.ScoreGradients, segments, count, bounds, strips);

        int tile = queries.Start / BackwardPlan.QueryTile;
        if (_backward.BiasTurns.AreByTile)
        {
            _backward.BiasTurns.Await(batch, head, state.Block, tile);
        }

        BackwardRow<TSimd, TVector, TMask, TModifier> row = new(
            _backward, _mask, _modifier, batch, head, state.Keys, state.BiasGradient, state.Allowed, state.Keep);
        for (int i = 0; i < rows; i++)
        {
            for (int s = 0; s < count; s++)
            {
                IndexRange range = segments[s].Intersect(bounds[i / MicroKernel.Rows]);
                if (!range.IsEmpty)
                {
                    row.Process(state.Weights + (nint)i * size, state.ScoreGradients + (nint)i * size, range, queries.Start + i, !isFull);
                }
            }
        }

        if (_backward.BiasTurns.AreByTile)
        {
            _backward.BiasTurns.Pass(batch, head, state.Block, tile);
        }

        // Rows that only fill up the last strip.
        Packing.Clear<TSimd, TVector>(state.Weights + (nint)rows * size, (nint)(padded - rows) * size);
        Packing.Clear<TSimd, TVector>(state.ScoreGradients + (nint)rows * size, (nint)(padded - rows) * size);

        AccumulateKeys(state, state.Weights, state.OutputGradients, _plan.ValueStride, _plan.ValueColumns, gradientsAreFinite, state.ValueGradient, bounds, strips);
        AccumulateKeys(state, state.ScoreGradients, state.Queries, _plan.HeadStride, _plan.HeadColumns, queriesAreFinite, state.KeyGradient, bounds, strips);
        AccumulateQueries(state, segments, count, bounds, strips);

        Turn.Await(turn, state.Block, _backward.Failed);
        GradientRows.Add<TSimd, TVector>(
            state.QueryGradient, _plan.HeadStride, problem.HeadSize, problem.Scale, rows,
            problem.QuerySide(_backward.QueryGradient, batch, head) + queries.Start * _backward.QueryGradient.RowStride,
            _backward.QueryGradient.RowStride);
        return true;
    }

    /// <summary>[rows, size] x [size, keys]: each panel of the block stays in the first-level cache while all strips use it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Products(
        float* rows, int rowStride, int depth, float* panels, float* destination, in Segments segments, int count, in StripBounds bounds, int strips)
    {
        int size = _plan.KeyBlock;
        for (int s = 0; s < count; s++)
        {
            for (int column = segments[s].Start; column < segments[s].End; column += _plan.Columns)
            {
                for (int strip = 0; strip < strips; strip++)
                {
                    if (bounds[strip].Contains(column))
                    {
                        MicroKernel.Multiply<TSimd, TVector>(
                            rows + (nint)strip * MicroKernel.Rows * rowStride, rowStride, 1, panels + (nint)column * depth, _plan.Columns, depth,
                            destination + (nint)strip * MicroKernel.Rows * size + column, size, accumulate: false);
                    }
                }
            }
        }
    }

    /// <summary>[keys, rows] x [rows, size], added to the block's gradient: the tile is read transposed, six keys at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AccumulateKeys(
        in BlockState state, float* tile, float* rows, int rowStride, int columns, bool isFinite, float* gradient, in StripBounds bounds, int strips)
    {
        int size = _plan.KeyBlock;
        for (int column = 0; column < columns; column += _plan.Columns)
        {
            for (int key = 0; key < state.KeyStrips; key += MicroKernel.Rows)
            {
                IndexRange used = QueriesOf(bounds, strips, new IndexRange(key, key + MicroKernel.Rows));
                if (used.IsEmpty)
                {
                    continue;
                }

                int first = used.Start * MicroKernel.Rows;
                int depth = used.Length * MicroKernel.Rows;
                float* a = tile + (nint)first * size + key;
                float* b = rows + (nint)first * rowStride + column;
                float* c = gradient + (nint)key * rowStride + column;
                if (isFinite)
                {
                    MicroKernel.Multiply<TSimd, TVector>(a, 1, size, b, rowStride, depth, c, rowStride, accumulate: true);
                }
                else
                {
                    SelectiveKernel.Multiply<TSimd, TVector>(a, 1, size, b, rowStride, depth, c, rowStride, MicroKernel.Rows);
                }
            }
        }
    }

    /// <summary>The strips from the first to the last that need any of the keys.</summary>
    private static IndexRange QueriesOf(in StripBounds bounds, int strips, IndexRange keys)
    {
        int first = 0;
        while (first < strips && bounds[first].Intersect(keys).IsEmpty)
        {
            first++;
        }

        int end = strips;
        while (end > first && bounds[end - 1].Intersect(keys).IsEmpty)
        {
            end--;
        }

        return new IndexRange(first, end);
    }

    /// <summary>[rows, keys] x [keys, head size] into the tile of query gradients.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AccumulateQueries(in BlockState state, in Segments segments, int count, in StripBounds bounds, int strips)
    {
        int size = _plan.KeyBlock;
        Packing.Clear<TSimd, TVector>(state.QueryGradient, (nint)strips * MicroKernel.Rows * _plan.HeadStride);
        for (int column = 0; column < _plan.HeadColumns; column += _plan.Columns)
        {
            for (int strip = 0; strip < strips; strip++)
            {
                float* c = state.QueryGradient + (nint)strip * MicroKernel.Rows * _plan.HeadStride + column;
                for (int s = 0; s < count; s++)
                {
                    IndexRange keys = segments[s].Intersect(bounds[strip]);
                    if (keys.IsEmpty)
                    {
                        continue;
                    }

                    float* a = state.ScoreGradients + (nint)strip * MicroKernel.Rows * size + keys.Start;
                    float* b = state.KeyRows + (nint)keys.Start * _plan.HeadStride + column;
                    if (state.KeysAreFinite)
                    {
                        MicroKernel.Multiply<TSimd, TVector>(a, size, 1, b, _plan.HeadStride, keys.Length, c, _plan.HeadStride, accumulate: true);
                    }
                    else
                    {
                        SelectiveKernel.Multiply<TSimd, TVector>(
                            a, size, 1, b, _plan.HeadStride, keys.Length, c, _plan.HeadStride, MicroKernel.Rows);
                    }
                }
            }
        }
    }

    /// <summary>The working memory of a block of keys.</summary>
    private struct BlockState
    {
        internal float* KeyPanels;
        internal float* ValuePanels;
        internal float* KeyRows;
        internal float* KeyGradient;
        internal float* ValueGradient;
        internal float* Weights;
        internal float* ScoreGradients;
        internal float* Queries;
        internal float* QueryGradient;
        internal float* OutputGradients;
        internal float* Allowed;
        internal float* Keep;
        internal float* BiasSums;
        internal Operand BiasGradient;
        internal IndexRange Keys;
        internal int Columns;
        internal int KeyStrips;
        internal int Block;
        internal bool KeysAreFinite;
    }
}
