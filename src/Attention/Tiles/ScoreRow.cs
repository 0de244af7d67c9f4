using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// What happens to one row of scores between the two matrix products. A row is a run of columns, whole vectors, of a
/// block of keys; columns that are not allowed end as negative infinity and weigh exactly zero.
/// </summary>
internal static unsafe class ScoreRow
{
    /// <summary>Floats of a cache line.</summary>
    internal const int CacheLine = 16;

    /// <summary>Columns for which a mask without intervals is asked at once.</summary>
    internal const int MaskPiece = 32;

    /// <summary>
    /// Makes products ready for the softmax: modifier and bias where there are any, negative infinity where the mask hides or
    /// no key is.
    /// </summary>
    /// <param name="problem">Scale and bias.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="modifier">The modifier.</param>
    /// <param name="row">Products of the block's column 0 on; changed in place.</param>
    /// <param name="columns">The columns to look at, whole vectors.</param>
    /// <param name="block">The keys of the block; its first is column 0.</param>
    /// <param name="batch">The batch element.</param>
    /// <param name="head">The query head.</param>
    /// <param name="query">The query.</param>
    /// <param name="isFull">Whether the mask is known to allow all of them.</param>
    /// <param name="floor">The running maximum.</param>
    /// <returns>The larger of <paramref name="floor"/> and the largest number left in the row.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Prepare<TSimd, TVector, TMask, TModifier>(
        in AttentionProblem problem, in TMask mask, in TModifier modifier, float* row, IndexRange columns, IndexRange block,
        int batch, int head, int query, bool isFull, float floor)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        if (Transforms<TModifier>(problem))
        {
            Operand biasRow = problem.Bias;
            float* bias = biasRow.IsPresent ? biasRow.At(batch, head, query) + block.Start * problem.BiasKeyStride : null;
            float max = Transform<TSimd, TVector, TModifier>(
                row, columns, block.Length, problem.PositiveScale, modifier, bias, problem.BiasKeyStride, biasRow.RowStride,
                batch, head, query, block.Start);
            if (isFull && columns.End <= block.Length)
            {
                return max > floor ? max : floor;
            }
        }

        if (!isFull)
        {
            if (TMask.IsInterval)
            {
                IndexRange allowed = mask.KeyBounds(batch, head, new IndexRange(query, query + 1), problem.KeyLengthOf(batch));
                Hide(row, columns.Start, Math.Min(allowed.Start - block.Start, columns.End));
                Hide(row, Math.Max(allowed.End - block.Start, columns.Start), columns.End);
            }
            else
            {
                HidePairs(row, columns.Start, Math.Min(columns.End, block.Length), mask, batch, head, query, block.Start);
            }
        }

        Hide(row, Math.Max(columns.Start, block.Length), columns.End);
        return Max<TSimd, TVector>(row, columns.Start, columns.End, floor);
    }

    /// <summary>What a prepared row must be multiplied by to be scores: the scale if its numbers are still bare products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Factor<TModifier>(in AttentionProblem problem)
        where TModifier : struct, IScoreModifier =>
        Transforms<TModifier>(problem) ? 1 : problem.PositiveScale;

    /// <summary>Whether scores are more than scaled products.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool Transforms<TModifier>(in AttentionProblem problem)
        where TModifier : struct, IScoreModifier =>
        typeof(TModifier) != typeof(NoModifier) || problem.Bias.IsPresent;

    /// <summary>
    /// Turns products into scores: scale, modifier, bias. A bias of negative infinity hides whatever the product is.
    /// </summary>
    /// <param name="row">Products q.k, changed in place.</param>
    /// <param name="columns">The columns to look at, whole vectors.</param>
    /// <param name="present">Columns of the block that are keys; the bias is not read past them.</param>
    /// <param name="scale">The positive scale.</param>
    /// <param name="modifier">The policy.</param>
    /// <param name="bias">The bias of column 0, or null.</param>
    /// <param name="biasKeyStride">1, or 0 for one bias a row.</param>
    /// <param name="biasRowStride">Distance to the next row of bias, which is asked for ahead of its use.</param>
    /// <param name="batch">Coordinates for the modifier.</param>
    /// <param name="head">Coordinates for the modifier.</param>
    /// <param name="query">Coordinates for the modifier.</param>
    /// <param name="firstKey">The key of column 0.</param>
    /// <returns>The largest score.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Transform<TSimd, TVector, TModifier>(
        float* row, IndexRange columns, int present, float scale, in TModifier modifier,
        float* bias, nint biasKeyStride, nint biasRowStride, int batch, int head, int query, int firstKey)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TModifier : struct, IScoreModifier
    {
        TVector scales = TSimd.Create(scale);
        TVector max = TSimd.Create(float.NegativeInfinity);
        TVector rowBias = bias != null && biasKeyStride == 0 ? TSimd.Create(*bias) : TSimd.Zero;
        bool hasColumns = bias != null && biasKeyStride != 0;
        int column = columns.Start;
        for (; column < columns.End; column += TSimd.Count)
        {
            TVector score = TSimd.Multiply(TSimd.Load(row + column), scales);
            score = modifier.Apply<TSimd, TVector>(score, batch, head, query, firstKey + column);
            if (hasColumns)
            {
                if (column + TSimd.Count > present)
                {
                    break;
                }

                if (column % CacheLine == 0)
                {
                    Prefetch.Near(bias + biasRowStride + column);
                }

                score = AddBias<TSimd, TVector>(score, TSimd.Load(bias + column));
            }
            else if (bias != null)
            {
                score = AddBias<TSimd, TVector>(score, rowBias);
            }

            TSimd.Store(score, row + column);
            max = TSimd.Max(score, max);
        }

        for (; column < columns.End; column += TSimd.Count)
        {
            TVector score = TSimd.Multiply(TSimd.Load(row + column), scales);
            score = modifier.Apply<TSimd, TVector>(score, batch, head, query, firstKey + column);
            score = AddBias<TSimd, TVector>(score, LoadPart<TSimd, TVector>(bias + column, present - column));
            TSimd.Store(score, row + column);
            max = TSimd.Max(score, max);
        }

        return TSimd.MaxAcross(max);
    }

    /// <summary>score + bias, but negative infinity wherever the bias is.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector AddBias<TSimd, TVector>(TVector score, TVector bias)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector hidden = TSimd.Equals(bias, TSimd.Create(float.NegativeInfinity));
        return TSimd.Select(hidden, bias, TSimd.Add(score, bias));
    }

    /// <summary>Writes negative infinity to columns [<paramref name="start"/>, <paramref name="end"/>).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Hide(float* row, int start, int end)
    {
        if (start < end)
        {
            new Span<float>(row + start, end - start).Fill(float.NegativeInfinity);
        }
    }

    /// <summary>
    /// Hides the columns that a mask without intervals does not allow. It asks piece by piece first, so that only pieces
    /// that are allowed in part are asked pair by pair.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void HidePairs<TMask>(float* row, int start, int end, in TMask mask, int batch, int head, int query, int firstKey)
        where TMask : struct, IAttentionMask
    {
        IndexRange queries = new(query, query + 1);
        for (int piece = start; piece < end; piece += MaskPiece)
        {
            int pieceEnd = Math.Min(piece + MaskPiece, end);
            TileCoverage coverage = mask.Cover(batch, head, queries, new IndexRange(firstKey + piece, firstKey + pieceEnd));
            if (coverage == TileCoverage.None)
            {
                Hide(row, piece, pieceEnd);
            }
            else if (coverage == TileCoverage.Mixed)
            {
                for (int column = piece; column < pieceEnd; column++)
                {
                    row[column] = mask.Allows(batch, head, query, firstKey + column) ? row[column] : float.NegativeInfinity;
                }
            }
        }
    }

    /// <summary>The largest score of the row, at least <paramref name="floor"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float Max<TSimd, TVector>(float* row, int start, int end, float floor)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector max0 = TSimd.Create(floor);
        TVector max1 = max0;
        TVector max2 = max0;
        TVector max3 = max0;
        int column = start;
        for (; column + 4 * TSimd.Count <= end; column += 4 * TSimd.Count)
        {
            max0 = TSimd.Max(TSimd.Load(row + column), max0);
            max1 = TSimd.Max(TSimd.Load(row + column + TSimd.Count), max1);
            max2 = TSimd.Max(TSimd.Load(row + column + 2 * TSimd.Count), max2);
            max3 = TSimd.Max(TSimd.Load(row + column + 3 * TSimd.Count), max3);
        }

        for (; column < end; column += TSimd.Count)
        {
            max0 = TSimd.Max(TSimd.Load(row + column), max0);
        }

        return TSimd.MaxAcross(TSimd.Max(TSimd.Max(max0, max1), TSimd.Max(max2, max3)));
    }

    /// <summary>
    /// Replaces scores by their unnormalised weights exp(factor (score - shift)), and returns their sum added to
    /// <paramref name="sums"/>, lane by lane.
    /// </summary>
    /// <param name="row">Scores, replaced in place.</param>
    /// <param name="start">First column, at a whole vector.</param>
    /// <param name="end">End of the columns, at a whole vector.</param>
    /// <param name="shift">The running maximum; finite, or NaN or infinity where the row is to become NaN.</param>
    /// <param name="factorLog2E">The positive factor times log2(e).</param>
    /// <param name="sums">Sums of the columns before, one a lane.</param>
    /// <returns>The sums with these columns.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static TVector Exponentiate<TSimd, TVector>(float* row, int start, int end, float shift, float factorLog2E, TVector sums)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector shifts = TSimd.Create(shift);
        TVector factors = TSimd.Create(factorLog2E);
        TVector lowest = TSimd.Create(VectorMath.LowestDifference(factorLog2E));
        for (int column = start; column < end; column += TSimd.Count)
        {
            TVector difference = TSimd.Subtract(TSimd.Load(row + column), shifts);
            TVector weight = VectorMath.ExpScaledOfNonPositive<TSimd, TVector>(difference, factors, lowest);
            TSimd.Store(weight, row + column);
            sums = TSimd.Add(sums, weight);
        }

        return sums;
    }

    /// <summary>Multiplies a run of whole vectors in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Scale<TSimd, TVector>(float* row, int count, float factor)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factors = TSimd.Create(factor);
        for (int i = 0; i < count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Load(row + i), factors), row + i);
        }
    }

    /// <summary>Multiplies a run of whole vectors by another in place.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Multiply<TSimd, TVector>(float* row, float* factors, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (int i = 0; i < count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.Multiply(TSimd.Load(row + i), TSimd.Load(factors + i)), row + i);
        }
    }

    /// <summary>The first <paramref name="count"/> lanes from memory, zero in the others.</summary>
    internal static TVector LoadPart<TSimd, TVector>(float* source, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float* lanes = stackalloc float[16];
        new Span<float>(lanes, 16).Clear();
        new ReadOnlySpan<float>(source, Math.Clamp(count, 0, TSimd.Count)).CopyTo(new Span<float>(lanes, 16));
        return TSimd.Load(lanes);
    }
}
