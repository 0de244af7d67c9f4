using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>The softmax of given scores, with or without Gumbel noise.</summary>
internal unsafe struct SoftmaxProblem
{
    internal GivenScores Given;

    /// <summary>The positive factor on scores and noise: one by the temperature.</summary>
    internal float Factor;

    internal bool HasNoise;
    internal ulong Seed;
    internal Operand Weights;

    /// <summary>1 for the key of the largest weight, 0 for the others; a null address if not wanted.</summary>
    internal Operand OneHot;
}

/// <summary>The weights of some rows; a row that may attend to nothing gets zeros.</summary>
internal readonly unsafe struct SoftmaxRows<TSimd, TVector, TMask>(in SoftmaxProblem problem, in TMask mask) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    private readonly SoftmaxProblem _problem = problem;
    private readonly TMask _mask = mask;

    public void Invoke(int index)
    {
        GivenScores given = _problem.Given;
        int columns = given.Columns<TSimd, TVector>();
        using Scratch.Rental rental = Scratch.Rent(2 * (nint)columns);
        nint end = Math.Min((index + 1) * given.PieceRows, given.Rows);
        for (nint row = index * given.PieceRows; row < end; row++)
        {
            Normalize(given.Row(row), rental.Memory, rental.Memory + columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Normalize(GivenRow at, float* row, float* noise)
    {
        GivenScores given = _problem.Given;
        int columns = given.Columns<TSimd, TVector>();
        given.Load<TSimd, TVector, TMask>(_mask, at, row);
        if (_problem.HasNoise)
        {
            AttentionRandom.FillGumbel<TSimd, TVector>(_problem.Seed, at.Batch, at.Head, at.Query, columns, noise);
            for (int column = 0; column < columns; column += TSimd.Count)
            {
                TSimd.Store(TSimd.Add(TSimd.Load(row + column), TSimd.Load(noise + column)), row + column);
            }
        }

        if (_problem.OneHot.IsPresent)
        {
            Mark(row, at);
        }

        (_, float sum) = given.Exponentiate<TSimd, TVector>(row, row, _problem.Factor);
        if (sum != 0f)
        {
            ScoreRow.Scale<TSimd, TVector>(row, columns, 1f / sum);
        }

        new ReadOnlySpan<float>(row, given.KeyLength)
            .CopyTo(new Span<float>(_problem.Weights.At(at.Batch, at.Head, at.Query), given.KeyLength));
    }

    private void Mark(float* row, GivenRow at)
    {
        GivenScores given = _problem.Given;
        Span<float> oneHot = new(_problem.OneHot.At(at.Batch, at.Head, at.Query), given.KeyLength);
        oneHot.Clear();
        float max = ScoreRow.Max<TSimd, TVector>(row, 0, given.Columns<TSimd, TVector>(), float.NegativeInfinity);
        int largest = max == float.NegativeInfinity ? -1 : new ReadOnlySpan<float>(row, given.KeyLength).IndexOf(max);
        if (largest >= 0)
        {
            oneHot[largest] = 1f;
        }
    }
}
