using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The second half of the backward pass of attention to windows, 64 keys of a key head a piece: it goes through the queries of the
/// head's group, in order, and where a window meets these keys it adds what the query gives to their gradients and to those of
/// their values. So nobody else writes there, no partial sums are needed, and the order does not depend on threads. Sixty-four keys are
/// a few windows wide, so that few queries are looked at by two pieces, and their gradients stay in L2.
/// </summary>
internal readonly unsafe struct LocalKeyBackward<TSimd, TVector, TMask> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    /// <summary>Keys of a piece.</summary>
    private const int MostKeys = 64;

    private readonly LocalGradientProblem _problem;
    private readonly TMask _mask;
    private readonly LocalRowState* _states;
    private readonly IndexRange* _tiles;
    private readonly int _blocks;

    /// <summary>Describes the work.</summary>
    /// <param name="problem">The problem.</param>
    /// <param name="mask">The mask.</param>
    /// <param name="states">The state of each row, [batch, head, query].</param>
    /// <param name="tiles">The keys between which each tile of queries sees any, [batch, head, tile].</param>
    internal LocalKeyBackward(in LocalGradientProblem problem, in TMask mask, LocalRowState* states, IndexRange* tiles)
    {
        _problem = problem;
        _mask = mask;
        _states = states;
        _tiles = tiles;
        _blocks = (problem.Forward.Attention.KeyLength + MostKeys - 1) / MostKeys;
    }

    /// <summary>How many pieces there are.</summary>
    internal int Count =>
        _problem.Forward.Attention.Heads == 0
            ? 0
            : checked(_problem.Forward.Attention.Batch * _problem.Forward.Attention.KeyValueHeads * _blocks);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        (int pair, int block) = Math.DivRem(index, _blocks);
        (int batch, int keyHead) = Math.DivRem(pair, attention.KeyValueHeads);
        IndexRange keys = new(block * MostKeys, Math.Min((block + 1) * MostKeys, attention.KeyLength));
        Clear(_problem.KeyGradient, batch, keyHead, keys, attention.HeadSize);
        Clear(_problem.ValueGradient, batch, keyHead, keys, attention.ValueSize);
        using Scratch.Rental rental = Scratch.Rent(4 * MostKeys);
        for (int head = keyHead * attention.GroupSize; head < (keyHead + 1) * attention.GroupSize; head++)
        {
            nint row = (nint)batch * attention.Heads + head;
            IndexRange* tiles = _tiles + row * LocalPass.Tiles(attention.QueryLength);
            for (int tile = 0; tile < LocalPass.Tiles(attention.QueryLength); tile++)
            {
                if (!tiles[tile].Intersect(keys).IsEmpty)
                {
                    AddTile(batch, head, tile * LocalPass.TileRows, keys, _states + row * attention.QueryLength, rental.Memory);
                }
            }
        }
    }

    private void AddTile(int batch, int head, int first, IndexRange keys, LocalRowState* states, float* memory)
    {
        int end = Math.Min(first + LocalPass.TileRows, _problem.Forward.Attention.QueryLength);
        for (int query = first; query < end; query++)
        {
            IndexRange seen = states[query].Keys.Intersect(keys);
            if (!seen.IsEmpty)
            {
                AddQuery(batch, head, query, seen, states[query], memory);
            }
        }
    }

    private void AddQuery(int batch, int head, int query, IndexRange keys, in LocalRowState state, float* memory)
    {
        LocalProblem forward = _problem.Forward;
        AttentionProblem attention = forward.Attention;
        int keyHead = head / attention.GroupSize;
        float* weights = memory;
        float* factors = weights + MostKeys;
        float* gradients = factors + MostKeys;
        float* kept = weights;
        float* outputGradient = _problem.OutputGradient.At(batch, head, query);
        LocalRow.RecomputeWeights<TSimd, TVector, TMask>(forward, _mask, batch, head, query, keys, state, weights);
        LocalRow.MultiplyByRows<TSimd, TVector>(
            outputGradient, attention.Value.At(batch, keyHead, keys.Start), attention.Value.RowStride, keys.Length, attention.ValueSize,
            gradients);
        if (LocalRow.ComputeFactors<TSimd, TVector>(forward, batch, head, query, keys, factors))
        {
            kept = gradients + MostKeys;
            WeightRow.Drop<TSimd, TVector>(gradients, factors, gradients, keys.Length);
            WeightRow.Drop<TSimd, TVector>(factors, weights, kept, keys.Length);
        }

        WeightRow.ScoreGradients<TSimd, TVector>(weights, gradients, keys.Length, state.Through, attention.Scale);
        AddRows(_problem.ValueGradient, batch, keyHead, keys, kept, outputGradient, attention.ValueSize);
        AddRows(_problem.KeyGradient, batch, keyHead, keys, gradients, attention.Query.At(batch, head, query), attention.HeadSize);
    }

    /// <summary><c>gradient[key] += factors[key] row</c>, where a factor of zero selects the row away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddRows(in Operand gradient, int batch, int keyHead, IndexRange keys, float* factors, float* row, int size)
    {
        for (int i = 0; i < keys.Length && gradient.IsPresent; i++)
        {
            if (factors[i] != 0)
            {
                LocalRow.AddScaled<TSimd, TVector>(factors[i], row, gradient.At(batch, keyHead, keys.Start + i), size);
            }
        }
    }

    private static void Clear(in Operand gradient, int batch, int keyHead, IndexRange keys, int size)
    {
        for (int key = keys.Start; key < keys.End && gradient.IsPresent; key++)
        {
            RowOperations.Clear(gradient.At(batch, keyHead, key), size);
        }
    }
}
