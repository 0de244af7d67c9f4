using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Attention.Execution;
using Attention.Gemm;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The backward pass of additive attention, one lane a piece. Scores are computed again block by block, weights from the log-sum-exp;
/// with dS the gradients of scores and t = tanh(q + k), a second pass over the same tanh gives what query, key and score vector get.
/// In go a tile of queries and of the output's gradient, out come its rows of the query's gradient, and what is added to
/// the gradients of keys, values and score vector, tile after tile in a fixed order.
/// </summary>
internal readonly unsafe struct AdditiveBackward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly AdditiveGradientProblem _problem;
    private readonly TMask _mask;
    private readonly LanePlan _plan;
    private readonly AdditiveParts _parts;

    internal AdditiveBackward(in AdditiveGradientProblem problem, in TMask mask, in LanePlan plan, in AdditiveParts parts)
    {
        _problem = problem;
        _mask = mask;
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
            (int pair, int part) = Math.DivRem(unit, _plan.Parts);
            (int batch, int keyHead) = Math.DivRem(pair, attention.KeyValueHeads);
            int memory = _plan.IsSpread ? unit : index;
            float* keys = _parts.Keys(memory);
            float* values = _parts.Values(memory);
            NativeMemory.Clear(keys, (nuint)_parts.KeyFloats * sizeof(float));
            NativeMemory.Clear(values, (nuint)_parts.ValueFloats * sizeof(float));
            IndexRange tiles = _plan.TilesOf(part);
            for (int tile = tiles.Start; tile < tiles.End; tile++)
            {
                int head = keyHead * attention.GroupSize + tile / _plan.TilesPerHead;
                int start = tile % _plan.TilesPerHead * AdditiveTile<TSimd, TVector, TMask>.MostRows;
                int end = Math.Min(start + AdditiveTile<TSimd, TVector, TMask>.MostRows, attention.QueryLength);
                AddTile(new WorkItem(batch, head, new IndexRange(start, end)), keys, values, scoreVector);
            }

            // dz = dS v (1 - t^2): the factor v is the same for a whole row of sums.
            for (int row = 0; row < attention.HeadSize; row++)
            {
                ScoreRow.Scale<TSimd, TVector>(keys + (nint)row * _parts.KeyStride, _parts.KeyStride, _problem.Forward.ScoreVector[row]);
            }

            if (!_plan.IsSpread)
            {
                IndexRange all = new(0, attention.KeyLength);
                AdditiveFold<TSimd, TVector>.AddKeys(keys, _parts.KeyStride, _problem.KeyGradient, batch, keyHead, attention.HeadSize, all, part == 0);
                AdditiveFold<TSimd, TVector>.AddValues(values, _problem.ValueGradient, batch, keyHead, attention.ValueSize, all, part == 0);
            }
        }
    }

    private void AddTile(in WorkItem item, float* keys, float* values, float* scoreVector)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        AdditiveTile<TSimd, TVector, TMask> tile = new(_problem.Forward, _mask, item);
        nint queryFloats = (nint)AdditiveTile<TSimd, TVector, TMask>.MostRows * attention.HeadSize;
        int deltas = TilePlan.RoundUp(AdditiveTile<TSimd, TVector, TMask>.MostRows, ScoreRow.CacheLine);
        using Scratch.Rental rental = Scratch.Rent(tile.Floats + tile.ScoreFloats + 2 * queryFloats + deltas + tile.ScoreStride);
        TileMemory memory = default;
        memory.Gradients = tile.Place(rental.Memory);
        memory.Queries = memory.Gradients + tile.ScoreFloats;
        memory.QueryGradients = memory.Queries + queryFloats;
        memory.Deltas = memory.QueryGradients + queryFloats;
        memory.KeepFactors = memory.Deltas + deltas;
        LoadQueries(item, memory);
        for (int block = tile.FirstBlock; block < tile.EndBlock; block++)
        {
            if (tile.Compute(block))
            {
                MultiplyByValues(tile, memory);
                for (int row = 0; row < item.Queries.Length; row++)
                {
                    ScoreGradients(tile, memory, row);
                }

                AddValues(tile, values);
                ClampKeys(tile);
                AddThroughTanh(tile, memory, keys + tile.Block.Start, scoreVector);
            }
        }

        WriteQueries(item, memory);
    }

    /// <summary>
    /// Bounded copies of the queries, zeros for their gradients, and sum(dO o) of each row. Behind a mask there may be anything, which
    /// its dS = 0 would multiply: bounded numbers and the zeros that <see cref="Bounded"/> makes of NaN have a finite tanh, and the same
    /// as before wherever it matters, since NaN in what is allowed makes dS itself NaN.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void LoadQueries(in WorkItem item, in TileMemory memory)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        int size = attention.HeadSize;
        for (int row = 0; row < item.Queries.Length; row++)
        {
            int query = item.Queries.Start + row;
            float* source = attention.Query.At(item.Batch, item.Head, query);
            for (int unit = 0; unit < size; unit++)
            {
                memory.Queries[(nint)row * size + unit] = Bounded<SimdScalar, float>(source[unit]);
            }

            memory.Deltas[row] = Reductions.Dot<TSimd, TVector>(
                _problem.OutputGradient.At(item.Batch, item.Head, query), attention.Output.At(item.Batch, item.Head, query), attention.ValueSize);
        }

        RowOperations.Clear(memory.QueryGradients, (nint)item.Queries.Length * size);
    }

    /// <summary>A number whose sum with another such is finite: NaN becomes 0, and what is too large the largest.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TOther Bounded<TOtherSimd, TOther>(TOther value)
        where TOtherSimd : struct, ISimd<TOther>
        where TOther : unmanaged
    {
        const float Most = float.MaxValue / 2;
        TOther number = TOtherSimd.Select(TOtherSimd.Equals(value, value), value, TOtherSimd.Zero);
        return TOtherSimd.Max(TOtherSimd.Create(-Most), TOtherSimd.Min(TOtherSimd.Create(Most), number));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ClampKeys(in AdditiveTile<TSimd, TVector, TMask> tile)
    {
        int start = tile.Used.Start / TSimd.Count * TSimd.Count;
        for (int unit = 0; unit < _problem.Forward.Attention.HeadSize; unit++)
        {
            float* keys = tile.Keys + (nint)unit * tile.KeyStride;
            for (int column = start; column < tile.Used.End; column += TSimd.Count)
            {
                TSimd.Store(Bounded<TSimd, TVector>(TSimd.Load(keys + column)), keys + column);
            }
        }
    }

    /// <summary>dP = dO V^T.</summary>
    private void MultiplyByValues(in AdditiveTile<TSimd, TVector, TMask> tile, in TileMemory memory)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        WorkItem item = tile.Item;
        GemmKernel.Multiply<TSimd, TVector>(
            new GemmProblem
            {
                Rows = item.Queries.Length,
                Columns = tile.Used.Length,
                Depth = attention.ValueSize,
                Left = _problem.OutputGradient.At(item.Batch, item.Head, item.Queries.Start),
                LeftRow = _problem.OutputGradient.RowStride,
                LeftColumn = 1,
                Right = attention.Value.At(item.Batch, item.Head / attention.GroupSize, tile.Block.Start + tile.Used.Start),
                RightRow = 1,
                RightColumn = attention.Value.RowStride,
                Destination = memory.Gradients + tile.Used.Start,
                DestinationRow = tile.ScoreStride,
                DestinationColumn = 1,
                Alpha = 1,
            },
            threads: 1);
    }

    /// <summary>Scores become the weights that the values saw, and dP becomes dS = P (dP - sum(dO o)).</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ScoreGradients(in AdditiveTile<TSimd, TVector, TMask> tile, in TileMemory memory, int row)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        IndexRange columns = tile.Ranges[row];
        float* weights = tile.Scores + (nint)row * tile.ScoreStride;
        float* gradients = memory.Gradients + (nint)row * tile.ScoreStride;
        int query = tile.Item.Queries.Start + row;
        float logSumExp = *attention.LogSumExp.At(tile.Item.Batch, tile.Item.Head, query);
        AdditiveForward<TSimd, TVector, TMask>.ClearOutside(weights, columns, tile.Used);

        // A row with nothing to attend to has a log-sum-exp of -inf; +inf makes all of its weights zero.
        float shift = logSumExp == float.NegativeInfinity ? float.PositiveInfinity : logSumExp;
        ScoreRow.Exponentiate<TSimd, TVector>(weights, columns.Start, columns.End, shift, VectorMath.Log2E, TSimd.Zero);
        if (float.IsNaN(logSumExp))
        {
            tile.ClearHidden(weights, query);
        }

        bool drops = attention.Dropout > 0;
        if (drops && !columns.IsEmpty)
        {
            DropoutMask.FillKeep(
                attention.DropoutSeed, tile.Item.Batch, tile.Item.Head, query, tile.Block.Start + columns.Start, columns.Length,
                attention.Dropout, memory.KeepFactors);
        }

        TVector delta = TSimd.Create(memory.Deltas[row]);
        for (int column = columns.Start; column < columns.End; column += TSimd.Count)
        {
            TVector weight = TSimd.Load(weights + column);
            TVector gradient = TSimd.Load(gradients + column);
            TVector kept = weight;
            if (drops)
            {
                TVector keep = TSimd.Load(memory.KeepFactors + column - columns.Start);
                gradient = TSimd.Select(TSimd.Equals(keep, TSimd.Zero), TSimd.Zero, TSimd.Multiply(keep, gradient));
                kept = TSimd.Multiply(keep, weight);
            }

            gradient = TSimd.Multiply(weight, TSimd.Subtract(gradient, delta));
            TSimd.Store(TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, gradient), gradients + column);
            TSimd.Store(kept, weights + column);
        }
    }

    /// <summary>dV += P^T dO.</summary>
    private void AddValues(in AdditiveTile<TSimd, TVector, TMask> tile, float* values)
    {
        int size = _problem.Forward.Attention.ValueSize;
        WorkItem item = tile.Item;
        SelectiveProduct.Multiply<TSimd, TVector>(new GemmProblem
        {
            Rows = tile.Used.Length,
            Columns = size,
            Depth = item.Queries.Length,
            Left = tile.Scores + tile.Used.Start,
            LeftRow = 1,
            LeftColumn = tile.ScoreStride,
            Right = _problem.OutputGradient.At(item.Batch, item.Head, item.Queries.Start),
            RightRow = _problem.OutputGradient.RowStride,
            RightColumn = 1,
            Destination = values + (nint)(tile.Block.Start + tile.Used.Start) * size,
            DestinationRow = size,
            DestinationColumn = 1,
            Alpha = 1,
            Beta = 1,
        });
    }

    /// <summary>
    /// For every hidden unit: w = dS (1 - t^2), summed by query and by key, and dS t, summed over both. The unit stands outside, so that
    /// its keys and their gradient, a few KB, stay in the first-level cache for all queries; sums across lanes come once a row.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddThroughTanh(in AdditiveTile<TSimd, TVector, TMask> tile, in TileMemory memory, float* keyGradients, float* scoreVector)
    {
        int size = _problem.Forward.Attention.HeadSize;
        int rows = tile.Item.Queries.Length;
        for (int unit = 0; unit < size; unit++)
        {
            float* keys = tile.Keys + (nint)unit * tile.KeyStride;
            TVector scoreSums = TSimd.Zero;
            for (int row = 0; row < rows; row++)
            {
                nint place = (nint)row * size + unit;
                IndexRange columns = tile.Ranges[row];
                memory.QueryGradients[place] += AddRow(
                    memory.Queries[place], keys, memory.Gradients + (nint)row * tile.ScoreStride, keyGradients, columns.Start, columns.End,
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
            TVector tanh = RationalTanh.Compute<TSimd, TVector>(TSimd.Add(spread, TSimd.Load(keys + column)));
            TVector gradient = TSimd.Load(gradients + column);
            TVector through = TSimd.Multiply(gradient, TSimd.Subtract(TSimd.Create(1f), TSimd.Multiply(tanh, tanh)));
            querySums = TSimd.Add(querySums, through);
            TSimd.Store(TSimd.Add(TSimd.Load(keyGradients + column), through), keyGradients + column);
            sums = TSimd.MultiplyAdd(gradient, tanh, sums);
        }

        scoreSums = sums;
        return TSimd.Sum(querySums);
    }

    private void WriteQueries(in WorkItem item, in TileMemory memory)
    {
        int size = _problem.Forward.Attention.HeadSize;
        for (int row = 0; row < item.Queries.Length && _problem.QueryGradient.IsPresent; row++)
        {
            float* destination = _problem.QueryGradient.At(item.Batch, item.Head, item.Queries.Start + row);
            for (int unit = 0; unit < size; unit++)
            {
                destination[unit] = memory.QueryGradients[(nint)row * size + unit] * _problem.Forward.ScoreVector[unit];
            }
        }
    }

    /// <summary>What a tile needs besides its scores.</summary>
    private struct TileMemory
    {
        internal float* Gradients;
        internal float* Queries;
        internal float* QueryGradients;
        internal float* Deltas;
        internal float* KeepFactors;
    }
}
