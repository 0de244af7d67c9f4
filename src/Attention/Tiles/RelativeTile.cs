using System.Runtime.CompilerServices;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// One tile of up to 32 queries of one head against all keys that they may attend to: in go queries, keys and the window of the
/// key table, out come the weights, whole rows of them. Thirty-two rows are enough for a product to run at speed, and few
/// enough that their scores, 128 bytes a key, stay near the processor.
/// </summary>
internal unsafe struct RelativeTile<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Queries of a tile.</summary>
    internal const int MostRows = 32;

    internal readonly int Batch;
    internal readonly int Head;
    internal readonly IndexRange Queries;
    internal readonly IndexRange Keys;
    internal readonly RelativeWindow Window;

    /// <summary>Distances between rows: of queries, of weights and of table entries.</summary>
    internal readonly int QueryStride;
    internal readonly int WeightStride;
    internal readonly int EntryStride;

    /// <summary>The queries with the content bias, and those with the position bias.</summary>
    internal float* Content;
    internal float* Position;

    /// <summary>Scores, then weights: [query, key].</summary>
    internal float* Weights;

    /// <summary>Numbers by row of the table: [query, row of the window].</summary>
    internal float* Entries;

    /// <summary>Describes a tile with at least one query and one key.</summary>
    internal RelativeTile(in RelativeProblem problem, in WorkItem item, IndexRange keys)
    {
        Batch = item.Batch;
        Head = item.Head;
        Queries = item.Queries;
        Keys = keys;
        Window = new RelativeWindow(problem, Queries, keys);
        QueryStride = TilePlan.RoundUp(problem.Attention.HeadSize, ScoreRow.CacheLine);
        WeightStride = TilePlan.RoundUp(keys.Length, ScoreRow.CacheLine);
        EntryStride = TilePlan.RoundUp(Window.Count, ScoreRow.CacheLine);
    }

    internal readonly nint QueryFloats => (nint)MostRows * QueryStride;

    internal readonly nint WeightFloats => (nint)MostRows * WeightStride;

    internal readonly nint EntryFloats => (nint)MostRows * EntryStride;

    /// <summary>What <see cref="Place"/> takes.</summary>
    internal readonly nint Floats => 2 * QueryFloats + WeightFloats + EntryFloats;

    /// <summary>Lays the tile out in memory; returns what lies behind it.</summary>
    internal float* Place(float* memory)
    {
        Content = memory;
        Position = Content + QueryFloats;
        Weights = Position + QueryFloats;
        Entries = Weights + WeightFloats;
        return Entries + EntryFloats;
    }

    /// <summary>Computes the normalised weights before dropout; those of hidden pairs are zero.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="logSumExp">Overwritten unless null: the log-sum-exp of each row.</param>
    /// <param name="logSumExpStride">The distance between them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal readonly void ComputeWeights<TMask>(in RelativeProblem problem, in TMask mask, float* logSumExp, nint logSumExpStride)
        where TMask : struct, IAttentionMask
    {
        ref readonly AttentionProblem attention = ref problem.Attention;
        LoadQueries(problem);
        float* keys = attention.Key.At(Batch, Head / attention.GroupSize, Keys.Start);
        MultiplyByRows(Content, keys, attention.Key.RowStride, Keys.Length, attention.HeadSize, Weights, WeightStride);
        if (problem.KeyTable.IsPresent)
        {
            float* table = problem.KeyTable.At(0, Head, Window.First);
            MultiplyByRows(Position, table, problem.KeyTable.RowStride, Window.Count, attention.HeadSize, Entries, EntryStride);
        }

        bool isFull = mask.Cover(Batch, Head, Queries, Keys) == TileCoverage.Full;
        for (int row = 0; row < Queries.Length; row++)
        {
            float* weights = Weights + (nint)row * WeightStride;
            int query = Queries.Start + row;
            if (problem.KeyTable.IsPresent)
            {
                Window.AddEntries<TSimd, TVector>(Entries + (nint)row * EntryStride, weights, query);
            }

            ScoreRow.Scale<TSimd, TVector>(weights, WeightStride, attention.Scale);
            float normaliser = RowWeights.Normalize<TSimd, TVector, TMask>(weights, mask, Batch, Head, query, Keys, attention.KeyLength, isFull);
            if (logSumExp != null)
            {
                logSumExp[row * logSumExpStride] = normaliser;
            }
        }
    }

    /// <summary>Sums each row by distance into <see cref="Entries"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal readonly void SumEntries(float* rows)
    {
        for (int row = 0; row < Queries.Length; row++)
        {
            Window.SumEntries<TSimd, TVector>(rows + (nint)row * WeightStride, Entries + (nint)row * EntryStride, Queries.Start + row);
        }
    }

    /// <summary><c>destination[query, i] = left[query] . right[i]</c> over rows that lie in memory as such.</summary>
    private readonly void MultiplyByRows(
        float* left, float* right, nint rightStride, int count, int size, float* destination, int destinationStride) =>
        MultiplyByRows(left, QueryStride, right, rightStride, count, size, destination, destinationStride);

    /// <summary>The same for rows on the left that are not the tile's own.</summary>
    internal readonly void MultiplyByRows(
        float* left, nint leftStride, float* right, nint rightStride, int count, int size, float* destination, int destinationStride) =>
        RowProducts.MultiplyByRows<TSimd, TVector>(
            left, leftStride, Queries.Length, right, rightStride, count, size, destination, destinationStride);

    /// <summary><c>destination[query] = sum weights[query, i] right[i] + beta destination[query]</c>.</summary>
    internal readonly void WeighRows(
        float* weights, int weightStride, int count, float* right, nint rightStride, int size, float* destination, nint destinationStride, float beta) =>
        RowProducts.WeighRows<TSimd, TVector>(
            weights, weightStride, Queries.Length, count, right, rightStride, size, destination, destinationStride, beta);

    /// <summary><c>destination[i] += sum over the queries of weights[query, i] right[query]</c>.</summary>
    internal readonly void AddWeighed(
        float* weights, int weightStride, int count, float* right, nint rightStride, int size, float* destination, nint destinationStride) =>
        RowProducts.AddWeighed<TSimd, TVector>(
            weights, weightStride, Queries.Length, count, right, rightStride, size, destination, destinationStride);

    private readonly void LoadQueries(in RelativeProblem problem)
    {
        ref readonly AttentionProblem attention = ref problem.Attention;
        for (int row = 0; row < Queries.Length; row++)
        {
            float* query = attention.Query.At(Batch, Head, Queries.Start + row);
            LoadQuery(query, problem.ContentBias, attention.HeadSize, Content + (nint)row * QueryStride);
            LoadQuery(query, problem.PositionBias, attention.HeadSize, Position + (nint)row * QueryStride);
        }
    }

    private readonly void LoadQuery(float* query, in Operand bias, int size, float* destination)
    {
        new ReadOnlySpan<float>(query, size).CopyTo(new Span<float>(destination, size));
        if (bias.IsPresent)
        {
            RowOperations.Add<TSimd, TVector>(bias.At(0, Head, 0), destination, size);
        }
    }
}
