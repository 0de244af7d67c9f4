using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Rows of scores, the alpha of each head, and what becomes of them.</summary>
internal unsafe struct EntmaxProblem
{
    /// <summary>Scores and weights of the forward pass; weights and gradients of the backward pass, of which that of the scores may be absent.</summary>
    internal RowProblem Rows;

    /// <summary>One for all heads or one for each.</summary>
    internal float* Alpha;
    internal bool IsOneAlpha;
    internal bool IsBackward;

    /// <summary>The gradient of alpha that comes from each row, [batch, head, query]; null if not wanted.</summary>
    internal double* AlphaGradients;
}

/// <summary>Entmax over given scores with an alpha for each head, or its gradients, a run of rows a piece.</summary>
internal readonly unsafe struct EntmaxRows<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    /// <summary>Scores of a piece, about: enough to be worth handing to a thread.</summary>
    private const int PieceElements = 1 << 13;

    private readonly EntmaxProblem _problem;
    private readonly TMask _mask;
    private readonly int _rows;
    private readonly int _pieceRows;

    internal EntmaxRows(in EntmaxProblem problem, in TMask mask)
    {
        _problem = problem;
        _mask = mask;
        _rows = checked(problem.Rows.Batch * problem.Rows.Heads * problem.Rows.QueryLength);
        _pieceRows = Math.Max(1, PieceElements / Math.Max(1, problem.Rows.KeyLength));
    }

    internal int Count => _problem.Rows.KeyLength == 0 ? 0 : (int)(((long)_rows + _pieceRows - 1) / _pieceRows);

    internal nint Elements => (nint)_rows * _problem.Rows.KeyLength;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        int keys = _problem.Rows.KeyLength;
        using Scratch.Rental rental = Scratch.Rent(AllowedRow.Floats(keys));
        AllowedRow allowed = new(rental.Memory, keys);
        int start = index * _pieceRows;
        int end = (int)Math.Min(_rows, (long)start + _pieceRows);
        for (int row = start; row < end; row++)
        {
            (int pair, int query) = Math.DivRem(row, _problem.Rows.QueryLength);
            (int batch, int head) = Math.DivRem(pair, _problem.Rows.Heads);
            EntmaxNormalizer normalizer = new(_problem.Alpha[_problem.IsOneAlpha ? 0 : head]);
            float* weights = _problem.Rows.Weights.At(batch, head, query);
            if (!_problem.IsBackward || _problem.Rows.ScoreGradient.IsPresent)
            {
                bool isFull = _mask.Cover(batch, head, new IndexRange(query, query + 1), new IndexRange(0, keys)) == TileCoverage.Full;
                allowed.Find(_mask, isFull, batch, head, query, 0, keys);
            }

            if (!_problem.IsBackward)
            {
                allowed.Normalize<TSimd, TVector, EntmaxNormalizer>(_problem.Rows.Scores.At(batch, head, query), weights, normalizer);
                continue;
            }

            float* gradient = _problem.Rows.WeightGradient.At(batch, head, query);
            if (_problem.AlphaGradients != null)
            {
                _problem.AlphaGradients[row] = normalizer.AlphaGradient(new(weights, keys), new(gradient, keys));
            }

            if (_problem.Rows.ScoreGradient.IsPresent)
            {
                // The gradient of entmax is made of its weights; where scores are asked for they are not looked at.
                allowed.Differentiate<TSimd, TVector, EntmaxNormalizer>(
                    weights, weights, gradient, _problem.Rows.ScoreGradient.At(batch, head, query), normalizer);
            }
        }
    }
}
