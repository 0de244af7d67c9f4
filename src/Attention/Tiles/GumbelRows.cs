using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>The softmax of given scores with Gumbel noise.</summary>
internal struct GumbelProblem
{
    internal GivenScores Given;
    internal ulong Seed;

    /// <summary>What turns noisy scores into weights.</summary>
    internal SoftmaxNormalizer Normalizer;
    internal Operand Weights;

    /// <summary>1 for the key of the largest noisy score, 0 for the others; a null address if not wanted.</summary>
    internal Operand OneHot;
}

/// <summary>The weights of some rows: noise is added, and the rest is the work of normalisers. What is hidden is left out as always.</summary>
internal readonly unsafe struct GumbelRows<TSimd, TVector, TMask>(in GumbelProblem problem, in TMask mask) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly GumbelProblem _problem = problem;
    private readonly TMask _mask = mask;

    public void Invoke(int index)
    {
        GivenScores given = _problem.Given;
        int keys = given.KeyLength;
        int columns = given.Columns<TSimd, TVector>();
        using Scratch.Rental rental = Scratch.Rent(columns + AllowedRow.Floats(keys));
        float* noisy = rental.Memory;
        AllowedRow allowed = new(noisy + columns, keys);
        nint end = Math.Min((index + 1) * given.PieceRows, given.Rows);
        for (nint row = index * given.PieceRows; row < end; row++)
        {
            GivenRow at = given.Row(row);
            bool isFull = _mask.Cover(at.Batch, at.Head, new IndexRange(at.Query, at.Query + 1), new IndexRange(0, keys)) == TileCoverage.Full;
            allowed.Find(_mask, isFull, at.Batch, at.Head, at.Query, 0, keys);
            AttentionRandom.FillGumbel<TSimd, TVector>(_problem.Seed, at.Batch, at.Head, at.Query, columns, noisy);
            RowOperations.Add<TSimd, TVector>(given.Scores.At(at.Batch, at.Head, at.Query), noisy, keys);
            allowed.Normalize<TSimd, TVector, SoftmaxNormalizer>(noisy, _problem.Weights.At(at.Batch, at.Head, at.Query), _problem.Normalizer);
            if (_problem.OneHot.IsPresent)
            {
                allowed.Normalize<TSimd, TVector, HardmaxNormalizer>(noisy, _problem.OneHot.At(at.Batch, at.Head, at.Query), default);
            }
        }
    }
}
