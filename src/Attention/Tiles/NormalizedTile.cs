using System.Runtime.CompilerServices;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// One tile of up to 32 queries of one head against all keys that they may attend to: in go queries and keys, out come whole rows
/// of scores and of weights, as a normaliser that is not softmax needs them. Thirty-two rows are enough for a product to run at
/// speed, and few enough that their scores, 128 bytes a key, stay near the processor.
/// </summary>
internal unsafe struct NormalizedTile<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Queries of a tile.</summary>
    internal const int MostRows = 32;

    internal readonly int Batch;
    internal readonly int Head;
    internal readonly IndexRange Queries;
    internal readonly IndexRange Keys;

    /// <summary>The distance between rows of scores and of weights.</summary>
    internal readonly int Stride;

    /// <summary>Scores as the normaliser gets them: [query, key].</summary>
    internal float* Scores;

    /// <summary>Weights before dropout: [query, key].</summary>
    internal float* Weights;

    /// <summary>What is allowed in the row at hand.</summary>
    internal AllowedRow Allowed;

    /// <summary>Describes a tile with at least one query and one key.</summary>
    internal NormalizedTile(in WorkItem item, IndexRange keys)
    {
        Batch = item.Batch;
        Head = item.Head;
        Queries = item.Queries;
        Keys = keys;
        Stride = TilePlan.RoundUp(keys.Length, ScoreRow.CacheLine);
    }

    /// <summary>Floats of one matrix of rows.</summary>
    internal readonly nint MatrixFloats => (nint)Queries.Length * Stride;

    /// <summary>What <see cref="Place"/> takes.</summary>
    internal readonly nint Floats => 2 * MatrixFloats + AllowedRow.Floats(Keys.Length);

    /// <summary>Lays the tile out in memory; returns what lies behind it.</summary>
    internal float* Place(float* memory)
    {
        Scores = memory;
        Weights = Scores + MatrixFloats;
        float* row = Weights + MatrixFloats;
        Allowed = new AllowedRow(row, Keys.Length);
        return row + AllowedRow.Floats(Keys.Length);
    }

    /// <summary>Whether the mask is known to allow the whole tile.</summary>
    internal readonly bool IsFull<TMask>(in TMask mask)
        where TMask : struct, IAttentionMask => mask.Cover(Batch, Head, Queries, Keys) == TileCoverage.Full;

    /// <summary>Computes the bare products of queries and keys into <see cref="Scores"/>.</summary>
    internal readonly void Multiply(in AttentionProblem problem) =>
        MultiplyByRows(
            problem.Query.At(Batch, Head, Queries.Start), problem.Query.RowStride, problem.Key.At(Batch, Head / problem.GroupSize, Keys.Start),
            problem.Key.RowStride, problem.HeadSize, Scores);

    /// <summary>Turns the products of one row into scores and weights.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void Normalize<TMask, TModifier, TNormalizer>(
        in AttentionProblem problem, in TMask mask, in TModifier modifier, in TNormalizer normalizer, int row, bool isFull)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer
    {
        float* scores = Scores + (nint)row * Stride;
        int query = Queries.Start + row;
        ScoreRow.Transform<TSimd, TVector, TModifier>(
            scores, new IndexRange(0, Stride), Keys.Length, problem.Scale, modifier, null, 0, 0, Batch, Head, query, Keys.Start);
        Allowed.Find(mask, isFull, Batch, Head, query, Keys.Start, problem.KeyLength);
        Allowed.Normalize<TSimd, TVector, TNormalizer>(scores, Weights + (nint)row * Stride, normalizer);
    }

    /// <summary><c>destination[query, i] = left[query] . right[i]</c> over rows of size <paramref name="size"/>, one for each key.</summary>
    internal readonly void MultiplyByRows(float* left, nint leftStride, float* right, nint rightStride, int size, float* destination) =>
        RowProducts.MultiplyByRows<TSimd, TVector>(
            left, leftStride, Queries.Length, right, rightStride, Keys.Length, size, destination, Stride);

    /// <summary><c>destination[query] = sum over the keys of weights[query, key] right[key]</c>.</summary>
    internal readonly void WeighRows(float* weights, float* right, nint rightStride, int size, float* destination, nint destinationStride) =>
        RowProducts.WeighRows<TSimd, TVector>(
            weights, Stride, Queries.Length, Keys.Length, right, rightStride, size, destination, destinationStride, beta: 0);

    /// <summary><c>destination[key] += sum over the queries of weights[query, key] right[query]</c>.</summary>
    internal readonly void AddWeighed(float* weights, float* right, nint rightStride, int size, float* destination, nint destinationStride) =>
        RowProducts.AddWeighed<TSimd, TVector>(
            weights, Stride, Queries.Length, Keys.Length, right, rightStride, size, destination, destinationStride);
}
