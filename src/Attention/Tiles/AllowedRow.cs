using System.Runtime.CompilerServices;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// One row of scores cut down to the keys that its query may attend to: a normaliser sees nothing else. Where those are a run, it
/// works on the row in place; otherwise they are gathered, and what comes out is scattered again.
/// </summary>
internal unsafe struct AllowedRow
{
    private readonly int _keys;
    private readonly int* _columns;
    private readonly float* _scores;
    private readonly float* _weights;
    private readonly float* _gradients;
    private bool _isRun;
    private int _first;
    private int _count;

    /// <summary>Room for rows of so many keys.</summary>
    internal AllowedRow(float* memory, int keys)
    {
        nint stride = Stride(keys);
        _keys = keys;
        _columns = (int*)memory;
        _scores = memory + stride;
        _weights = _scores + stride;
        _gradients = _weights + stride;
    }

    /// <summary>The floats that it needs.</summary>
    internal static nint Floats(int keys) => 4 * Stride(keys);

    /// <summary>Finds out what a query may attend to.</summary>
    /// <param name="mask">The mask.</param>
    /// <param name="isFull">Whether it is known to allow everything.</param>
    /// <param name="batch">The batch element.</param>
    /// <param name="head">The query head.</param>
    /// <param name="query">The query.</param>
    /// <param name="firstKey">The key of column 0.</param>
    /// <param name="keyLength">All keys of the call.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Find<TMask>(in TMask mask, bool isFull, int batch, int head, int query, int firstKey, int keyLength)
        where TMask : struct, IAttentionMask
    {
        IndexRange queries = new(query, query + 1);
        _isRun = isFull || TMask.IsInterval;
        if (isFull)
        {
            (_first, _count) = (0, _keys);
        }
        else if (TMask.IsInterval)
        {
            IndexRange allowed = mask.KeyBounds(batch, head, queries, keyLength).Intersect(new IndexRange(firstKey, firstKey + _keys));
            (_first, _count) = (allowed.Start - firstKey, allowed.Length);
        }
        else
        {
            _count = 0;
            for (int piece = 0; piece < _keys; piece += ScoreRow.MaskPiece)
            {
                int end = Math.Min(piece + ScoreRow.MaskPiece, _keys);
                TileCoverage coverage = mask.Cover(batch, head, queries, new IndexRange(firstKey + piece, firstKey + end));
                for (int column = piece; column < end && coverage != TileCoverage.None; column++)
                {
                    if (coverage == TileCoverage.Full || mask.Allows(batch, head, query, firstKey + column))
                    {
                        _columns[_count++] = column;
                    }
                }
            }
        }
    }

    /// <summary>Turns a row of scores into a row of weights; hidden keys weigh zero.</summary>
    internal readonly void Normalize<TSimd, TVector, TNormalizer>(float* scores, float* weights, in TNormalizer normalizer)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TNormalizer : struct, INormalizer
    {
        if (_count == 0)
        {
            RowOperations.Clear(weights, _keys);
        }
        else if (_isRun)
        {
            ClearAround(weights);
            normalizer.Normalize<TSimd, TVector>(Run(scores), Run(weights));
        }
        else
        {
            Gather(scores, _scores);
            normalizer.Normalize<TSimd, TVector>(new(_scores, _count), new(_weights, _count));
            Scatter(_weights, weights);
        }
    }

    /// <summary>Turns a row of gradients of weights into one of gradients of scores; those of hidden keys are zero.</summary>
    /// <param name="scores">The scores.</param>
    /// <param name="weights">What they were turned into.</param>
    /// <param name="source">The gradient of the weights.</param>
    /// <param name="destination">Overwritten; may be <paramref name="source"/>.</param>
    /// <param name="normalizer">The normaliser.</param>
    internal readonly void Differentiate<TSimd, TVector, TNormalizer>(
        float* scores, float* weights, float* source, float* destination, in TNormalizer normalizer)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TNormalizer : struct, INormalizer
    {
        if (_count == 0)
        {
            RowOperations.Clear(destination, _keys);
        }
        else if (_isRun)
        {
            ClearAround(destination);
            normalizer.Differentiate<TSimd, TVector>(Run(scores), Run(weights), Run(source), Run(destination));
        }
        else
        {
            Gather(scores, _scores);
            Gather(weights, _weights);
            Gather(source, _gradients);
            Span<float> gradients = new(_gradients, _count);
            normalizer.Differentiate<TSimd, TVector>(new(_scores, _count), new(_weights, _count), gradients, gradients);
            Scatter(_gradients, destination);
        }
    }

    private static nint Stride(int keys) => TilePlan.RoundUp(keys, ScoreRow.CacheLine);

    private readonly Span<float> Run(float* row) => new(row + _first, _count);

    private readonly void ClearAround(float* row)
    {
        RowOperations.Clear(row, _first);
        RowOperations.Clear(row + _first + _count, _keys - _first - _count);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Gather(float* row, float* destination)
    {
        for (int i = 0; i < _count; i++)
        {
            destination[i] = row[_columns[i]];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Scatter(float* source, float* row)
    {
        RowOperations.Clear(row, _keys);
        for (int i = 0; i < _count; i++)
        {
            row[_columns[i]] = source[i];
        }
    }
}
