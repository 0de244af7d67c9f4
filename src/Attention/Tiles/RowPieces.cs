using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Normalisation of given scores, or its gradient, a run of rows a piece.</summary>
internal readonly unsafe struct RowPieces<TSimd, TVector, TMask, TNormalizer> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
    where TNormalizer : struct, INormalizer
{
    /// <summary>Scores of a piece, about: enough to be worth handing to a thread.</summary>
    private const int PieceElements = 1 << 13;

    private readonly RowProblem _problem;
    private readonly TMask _mask;
    private readonly TNormalizer _normalizer;
    private readonly bool _isBackward;
    private readonly int _rows;
    private readonly int _pieceRows;

    internal RowPieces(in RowProblem problem, in TMask mask, in TNormalizer normalizer, bool isBackward)
    {
        _problem = problem;
        _mask = mask;
        _normalizer = normalizer;
        _isBackward = isBackward;
        _rows = checked(problem.Batch * problem.Heads * problem.QueryLength);
        _pieceRows = Math.Max(1, PieceElements / Math.Max(1, problem.KeyLength));
    }

    internal int Count => _problem.KeyLength == 0 ? 0 : (int)(((long)_rows + _pieceRows - 1) / _pieceRows);

    internal nint Elements => (nint)_rows * _problem.KeyLength;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        int keys = _problem.KeyLength;
        using Scratch.Rental rental = Scratch.Rent(AllowedRow.Floats(keys));
        AllowedRow allowed = new(rental.Memory, keys);
        int start = index * _pieceRows;
        int end = (int)Math.Min(_rows, (long)start + _pieceRows);
        for (int row = start; row < end; row++)
        {
            (int pair, int query) = Math.DivRem(row, _problem.QueryLength);
            (int batch, int head) = Math.DivRem(pair, _problem.Heads);
            bool isFull = _mask.Cover(batch, head, new IndexRange(query, query + 1), new IndexRange(0, keys)) == TileCoverage.Full;
            allowed.Find(_mask, isFull, batch, head, query, 0, keys);
            float* scores = _problem.Scores.At(batch, head, query);
            float* weights = _problem.Weights.At(batch, head, query);
            if (_isBackward)
            {
                allowed.Differentiate<TSimd, TVector, TNormalizer>(
                    scores, weights, _problem.WeightGradient.At(batch, head, query), _problem.ScoreGradient.At(batch, head, query), _normalizer);
            }
            else
            {
                allowed.Normalize<TSimd, TVector, TNormalizer>(scores, weights, _normalizer);
            }
        }
    }
}
