using System.Runtime.CompilerServices;
using Attention.Gemm;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The gradients of scores whose softmax weighs values: scores of a block are computed again, weights from the log-sum-exp, and in
/// passing what the values get is added up.
/// </summary>
internal readonly unsafe struct AdditiveSoftmaxSource<TSimd, TVector, TMask> : IScoreGradientSource<TSimd, TVector, TMask>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly AdditiveGradientProblem _problem;

    internal AdditiveSoftmaxSource(in AdditiveGradientProblem problem) => _problem = problem;

    public nint Floats(in AdditiveTile<TSimd, TVector, TMask> tile) =>
        tile.ScoreFloats + TilePlan.RoundUp(AdditiveTile<TSimd, TVector, TMask>.MostRows, ScoreRow.CacheLine) + tile.ScoreStride;

    /// <summary>Keeps sum(dO o) of each row.</summary>
    public void Start(in AdditiveTile<TSimd, TVector, TMask> tile, float* memory)
    {
        ref readonly AttentionProblem attention = ref _problem.Forward.Attention;
        WorkItem item = tile.Item;
        TileMemory rows = Place(tile, memory);
        for (int row = 0; row < item.Queries.Length; row++)
        {
            int query = item.Queries.Start + row;
            rows.Deltas[row] = Reductions.Dot<TSimd, TVector>(
                _problem.OutputGradient.At(item.Batch, item.Head, query), attention.Output.At(item.Batch, item.Head, query), attention.ValueSize);
        }
    }

    public float* Compute(ref AdditiveTile<TSimd, TVector, TMask> tile, int block, float* memory, float* values)
    {
        if (!tile.Compute(block))
        {
            return null;
        }

        TileMemory rows = Place(tile, memory);
        MultiplyByValues(tile, rows);
        for (int row = 0; row < tile.Item.Queries.Length; row++)
        {
            ScoreGradients(tile, rows, row);
        }

        AddValues(tile, values);
        return rows.Gradients;
    }

    private static TileMemory Place(in AdditiveTile<TSimd, TVector, TMask> tile, float* memory)
    {
        TileMemory rows = default;
        rows.Gradients = memory;
        rows.Deltas = rows.Gradients + tile.ScoreFloats;
        rows.KeepFactors = rows.Deltas + TilePlan.RoundUp(AdditiveTile<TSimd, TVector, TMask>.MostRows, ScoreRow.CacheLine);
        return rows;
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

    /// <summary>What a tile needs besides its scores.</summary>
    private struct TileMemory
    {
        internal float* Gradients;
        internal float* Deltas;
        internal float* KeepFactors;
    }
}
