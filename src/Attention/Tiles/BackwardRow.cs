using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// What happens to one row between the products of the backward pass: products q.k and dO.v become weights P and score
/// gradients dS = P (dP - delta), through dropout, bias and modifier.
/// </summary>
internal readonly unsafe struct BackwardRow<TSimd, TVector, TMask, TModifier>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
{
    private readonly BackwardProblem _backward;
    private readonly TMask _mask;
    private readonly TModifier _modifier;
    private readonly int _batch;
    private readonly int _head;
    private readonly IndexRange _keys;
    private readonly Operand _biasGradient;
    private readonly float* _allowed;
    private readonly float* _keep;

    internal BackwardRow(
        in BackwardProblem backward, in TMask mask, in TModifier modifier, int batch, int head, IndexRange keys, in Operand biasGradient,
        float* allowed, float* keep)
    {
        _backward = backward;
        _mask = mask;
        _modifier = modifier;
        _batch = batch;
        _head = head;
        _keys = keys;
        _biasGradient = biasGradient;
        _allowed = allowed;
        _keep = keep;
    }

    /// <summary>Columns <paramref name="range"/> of one row.</summary>
    /// <param name="weights">Products q.k, replaced by the weights that the values saw (after dropout).</param>
    /// <param name="gradients">Products dO.v, replaced by the gradients of scale q.k.</param>
    /// <param name="range">Whole panels.</param>
    /// <param name="query">The query.</param>
    /// <param name="isMixed">Whether some columns are hidden or not keys at all.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Process(float* weights, float* gradients, IndexRange range, int query, bool isMixed)
    {
        ref readonly AttentionProblem problem = ref _backward.Forward;
        float logSumExp = *(problem.QuerySide(problem.LogSumExp, _batch, _head) + query * problem.LogSumExp.RowStride);

        // A row with nothing to attend to has a log-sum-exp of -inf; +inf makes all of its weights zero.
        TVector shift = TSimd.Create(logSumExp == float.NegativeInfinity ? float.PositiveInfinity : logSumExp);
        TVector delta = TSimd.Create(*(problem.QuerySide(_backward.Delta, _batch, _head) + query));
        TVector scale = TSimd.Create(problem.PositiveScale);
        TVector log2E = TSimd.Create(VectorMath.Log2E);
        TVector lowest = TSimd.Create(VectorMath.LowestDifference(VectorMath.Log2E));
        float* bias = problem.Bias.IsPresent ? problem.Bias.At(_batch, _head, query) + _keys.Start * problem.BiasKeyStride : null;
        float* biasGradient = _biasGradient.IsPresent
            ? _biasGradient.At(_batch, _head, query) + _keys.Start * _backward.BiasGradientKeyStride
            : null;
        if (isMixed)
        {
            FillAllowed(range, query);
        }

        if (problem.Dropout > 0)
        {
            DropoutMask.FillKeep(
                problem.DropoutSeed, _batch, _head, query, _keys.Start + range.Start, range.Length, problem.Dropout, _keep + range.Start);
        }

        for (int column = range.Start; column < range.End; column += TSimd.Count)
        {
            // s = modifier(scale q.k) + bias; P = exp(s - logSumExp), never above one.
            TVector scaled = TSimd.Multiply(TSimd.Load(weights + column), scale);
            TVector score = _modifier.Apply<TSimd, TVector>(scaled, _batch, _head, query, _keys.Start + column);
            if (bias != null)
            {
                score = ScoreRow.AddBias<TSimd, TVector>(score, LoadBias(bias, column));
            }

            TVector difference = TSimd.Min(TSimd.Zero, TSimd.Subtract(score, shift));
            TVector weight = VectorMath.ExpScaledOfNonPositive<TSimd, TVector>(difference, log2E, lowest);
            if (isMixed)
            {
                weight = TSimd.And(weight, TSimd.Load(_allowed + column));
            }

            TVector weightGradient = TSimd.Load(gradients + column);
            TVector dropped = weight;
            if (problem.Dropout > 0)
            {
                TVector keep = TSimd.Load(_keep + column);
                dropped = TSimd.Multiply(weight, keep);
                weightGradient = TSimd.Select(TSimd.Equals(keep, TSimd.Zero), TSimd.Zero, TSimd.Multiply(weightGradient, keep));
            }

            // A weight of zero has no gradient, whatever stands behind it.
            TVector gradient = TSimd.Multiply(weight, TSimd.Subtract(weightGradient, delta));
            gradient = TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, gradient);
            if (biasGradient != null)
            {
                AddBiasGradient(biasGradient, column, gradient);
            }

            if (typeof(TModifier) != typeof(NoModifier))
            {
                TVector derivative = _modifier.Derivative<TSimd, TVector>(scaled, _batch, _head, query, _keys.Start + column);
                gradient = TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, TSimd.Multiply(gradient, derivative));
            }

            TSimd.Store(dropped, weights + column);
            TSimd.Store(gradient, gradients + column);
        }
    }

    /// <summary>All bits set where the query may attend, none where it may not or where there is no key.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void FillAllowed(IndexRange range, int query)
    {
        Span<int> allowed = new(_allowed, range.End);
        int end = Math.Min(range.End, _keys.Length);
        if (TMask.IsInterval)
        {
            IndexRange run = _mask.KeyBounds(_batch, _head, new IndexRange(query, query + 1), _backward.Forward.KeyLengthOf(_batch))
                .Intersect(new IndexRange(_keys.Start + range.Start, _keys.Start + end));
            allowed[range.Start..].Clear();
            if (!run.IsEmpty)
            {
                allowed[(run.Start - _keys.Start)..(run.End - _keys.Start)].Fill(-1);
            }

            return;
        }

        IndexRange queries = new(query, query + 1);
        for (int piece = range.Start; piece < end; piece += ScoreRow.MaskPiece)
        {
            int pieceEnd = Math.Min(piece + ScoreRow.MaskPiece, end);
            TileCoverage coverage = _mask.Cover(_batch, _head, queries, new IndexRange(_keys.Start + piece, _keys.Start + pieceEnd));
            if (coverage != TileCoverage.Mixed)
            {
                allowed[piece..pieceEnd].Fill(coverage == TileCoverage.Full ? -1 : 0);
                continue;
            }

            for (int column = piece; column < pieceEnd; column++)
            {
                allowed[column] = _mask.Allows(_batch, _head, query, _keys.Start + column) ? -1 : 0;
            }
        }

        allowed[Math.Max(end, range.Start)..].Clear();
    }

    /// <summary>A vector of bias, without reading past the keys; the row after it is asked for ahead of its use.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private TVector LoadBias(float* bias, int column)
    {
        ref readonly AttentionProblem problem = ref _backward.Forward;
        if (problem.BiasKeyStride == 0)
        {
            return TSimd.Create(*bias);
        }

        if (column % ScoreRow.CacheLine == 0)
        {
            Prefetch.Near(bias + problem.Bias.RowStride + column);
        }

        return column + TSimd.Count <= _keys.Length
            ? TSimd.Load(bias + column)
            : ScoreRow.LoadPart<TSimd, TVector>(bias + column, _keys.Length - column);
    }

    private void AddBiasGradient(float* biasGradient, int column, TVector gradient)
    {
        if (_backward.BiasGradientKeyStride == 0)
        {
            *biasGradient += TSimd.Sum(gradient);
        }
        else if (column + TSimd.Count <= _keys.Length)
        {
            TSimd.Store(TSimd.Add(TSimd.Load(biasGradient + column), gradient), biasGradient + column);
        }
        else
        {
            float* lanes = stackalloc float[16];
            TSimd.Store(gradient, lanes);
            for (int i = column; i < _keys.Length; i++)
            {
                biasGradient[i] += lanes[i - column];
            }
        }
    }
}
