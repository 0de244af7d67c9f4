using System.Runtime.CompilerServices;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// One tile of up to 32 queries of one head against all keys that they may attend to: in go projected queries and keys, out come
/// the weights, whole rows of them. Keys are brought into whole vectors a block at a time, for all queries of the tile; nothing
/// of size queries x keys x hidden exists.
/// </summary>
internal unsafe struct AdditiveTile<TSimd, TVector>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Queries of a tile.</summary>
    internal const int MostRows = 32;

    /// <summary>Keys of a block: at a hidden size of 128 they take 64 KB of the second-level cache.</summary>
    internal const int BlockKeys = 128;

    internal readonly int Batch;
    internal readonly int Head;
    internal readonly IndexRange Queries;
    internal readonly IndexRange Keys;
    internal readonly int WeightStride;

    /// <summary>The hidden size in whole vectors of the widest unit.</summary>
    internal readonly int Stride;

    /// <summary>Scores, then weights: [query, key].</summary>
    internal float* Weights;

    /// <summary>Rows filled up with zeros, the first two scaled: [query, hidden], [key of the block, hidden] and the score vector.</summary>
    internal float* QueryTable;
    internal float* KeyTable;
    internal float* Vector;

    /// <summary>Describes a tile with at least one query and one key.</summary>
    internal AdditiveTile(in AdditiveProblem problem, in WorkItem item, IndexRange keys)
    {
        Batch = item.Batch;
        Head = item.Head;
        Queries = item.Queries;
        Keys = keys;
        WeightStride = TilePlan.RoundUp(keys.Length, ScoreRow.CacheLine);
        Stride = TilePlan.RoundUp(problem.Attention.HeadSize, ScoreRow.CacheLine);
    }

    internal readonly nint WeightFloats => (nint)MostRows * WeightStride;

    /// <summary>What <see cref="Place"/> takes.</summary>
    internal readonly nint Floats => WeightFloats + (nint)(MostRows + BlockKeys + 1) * Stride;

    /// <summary>Lays the tile out in memory; returns what lies behind it.</summary>
    internal float* Place(float* memory)
    {
        Weights = memory;
        QueryTable = Weights + WeightFloats;
        KeyTable = QueryTable + (nint)MostRows * Stride;
        Vector = KeyTable + (nint)BlockKeys * Stride;
        return Vector + Stride;
    }

    /// <summary>Computes the normalised weights before dropout; those of hidden pairs are zero.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="logSumExp">Overwritten unless null: the log-sum-exp of each row.</param>
    /// <param name="logSumExpStride">The distance between them.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal readonly void ComputeWeights<TMask>(in AdditiveProblem problem, in TMask mask, float* logSumExp, nint logSumExpStride)
        where TMask : struct, IAttentionMask
    {
        ref readonly AttentionProblem attention = ref problem.Attention;
        for (int row = 0; row < Queries.Length; row++)
        {
            Copy(attention.Query.At(Batch, Head, Queries.Start + row), attention.HeadSize, AdditiveKernel.Scale, QueryTable + (nint)row * Stride);
        }

        Copy(problem.ScoreVector, attention.HeadSize, 1, Vector);
        for (int first = 0; first < Keys.Length; first += BlockKeys)
        {
            int count = Math.Min(BlockKeys, Keys.Length - first);
            LoadKeys(problem, first, count);
            AdditiveKernel.Scores<TSimd, TVector>(
                QueryTable, Queries.Length, KeyTable, count, Vector, Stride, Weights + first, WeightStride);
        }

        bool isFull = mask.Cover(Batch, Head, Queries, Keys) == TileCoverage.Full;
        for (int row = 0; row < Queries.Length; row++)
        {
            float normaliser = RowWeights.Normalize<TSimd, TVector, TMask>(
                Weights + (nint)row * WeightStride, mask, Batch, Head, Queries.Start + row, Keys, attention.KeyLength, isFull);
            if (logSumExp != null)
            {
                logSumExp[row * logSumExpStride] = normaliser;
            }
        }
    }

    /// <summary>Brings a block of keys into <see cref="KeyTable"/>.</summary>
    internal readonly void LoadKeys(in AdditiveProblem problem, int first, int count)
    {
        ref readonly AttentionProblem attention = ref problem.Attention;
        for (int key = 0; key < count; key++)
        {
            Copy(
                attention.Key.At(Batch, Head / attention.GroupSize, Keys.Start + first + key), attention.HeadSize, AdditiveKernel.Scale,
                KeyTable + (nint)key * Stride);
        }
    }

    private readonly void Copy(float* source, int size, float factor, float* row)
    {
        new ReadOnlySpan<float>(source, size).CopyTo(new Span<float>(row, size));
        new Span<float>(row + size, Stride - size).Clear();
        if (factor != 1)
        {
            ScoreRow.Scale<TSimd, TVector>(row, Stride, factor);
        }
    }
}
