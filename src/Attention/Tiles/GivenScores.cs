using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Operators;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Scores that somebody computed before, <c>[batch, heads, queryLength, keyLength]</c>, taken row by row.</summary>
internal unsafe struct GivenScores
{
    internal int Batch;
    internal int Heads;
    internal int QueryLength;
    internal int KeyLength;
    internal Operand Scores;

    /// <summary>How many rows there are.</summary>
    internal readonly nint Rows => (nint)Batch * Heads * QueryLength;

    /// <summary>Rows of a piece of work, which depend on the length alone.</summary>
    internal readonly nint PieceRows => Math.Max(1, PanelCut.PieceElements / Math.Max(1, KeyLength));

    /// <summary>How many pieces of work there are.</summary>
    internal readonly int Pieces => checked((int)PanelCut.Blocks(Rows, PieceRows));

    internal readonly GivenRow Row(nint index)
    {
        (nint headIndex, nint query) = Math.DivRem(index, QueryLength);
        (nint batch, nint head) = Math.DivRem(headIndex, Heads);
        return new GivenRow((int)batch, (int)head, (int)query);
    }

    /// <summary>Floats of scratch for a row in whole vectors.</summary>
    internal readonly int Columns<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => TilePlan.RoundUp(KeyLength, TSimd.Count);

    /// <summary>Copies a row: negative infinity where the mask hides or no key is, so that nothing hidden is looked at.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="at">Which row.</param>
    /// <param name="row">Receives the scores, whole vectors.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal readonly void Load<TSimd, TVector, TMask>(in TMask mask, GivenRow at, float* row)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
    {
        IndexRange bounds = mask.KeyBounds(at.Batch, at.Head, new IndexRange(at.Query, at.Query + 1), KeyLength);
        new ReadOnlySpan<float>(Scores.At(at.Batch, at.Head, at.Query) + bounds.Start, bounds.Length)
            .CopyTo(new Span<float>(row + bounds.Start, bounds.Length));
        ScoreRow.Hide(row, 0, bounds.Start);
        ScoreRow.Hide(row, bounds.End, Columns<TSimd, TVector>());
        if (!TMask.IsInterval)
        {
            ScoreRow.HidePairs(row, bounds.Start, bounds.End, mask, at.Batch, at.Head, at.Query, 0);
        }
    }

    /// <summary>Computes <c>weights = exp(row - max)</c>, whole vectors.</summary>
    /// <param name="row">A loaded row.</param>
    /// <param name="weights">Receives the weights, not yet divided by their sum.</param>
    /// <returns>
    /// What was subtracted, and the sum: 0 where nothing is allowed or all scores are negative infinity, NaN where one is NaN or
    /// positive infinity.
    /// </returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal readonly (float Shift, float Sum) Exponentiate<TSimd, TVector>(float* row, float* weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int columns = Columns<TSimd, TVector>();
        float max = ScoreRow.Max<TSimd, TVector>(row, 0, columns, float.NegativeInfinity);
        float shift = max == float.NegativeInfinity ? 0f : max;
        new ReadOnlySpan<float>(row, columns).CopyTo(new Span<float>(weights, columns));
        TVector sums = ScoreRow.Exponentiate<TSimd, TVector>(weights, 0, columns, shift, VectorMath.Log2E, TSimd.Zero);
        return (shift, TSimd.Sum(sums));
    }
}

/// <summary>Which row of scores.</summary>
internal readonly record struct GivenRow(int Batch, int Head, int Query);
