using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Scores of one query against a block of keys: one dot product over tanh for each, without anything kept between.</summary>
internal readonly unsafe struct AdditiveScoreTile<TSimd, TVector>(in AdditiveScoreProblem problem) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Keys of a piece: one query alone still gives work to several threads.</summary>
    private const int BlockKeys = 64;

    private readonly AdditiveScoreProblem _problem = problem;

    internal int Count => checked(_problem.Batch * _problem.Heads * _problem.QueryLength * Blocks);

    private int Blocks => (int)PanelCut.Blocks(_problem.KeyLength, BlockKeys);

    public void Invoke(int index)
    {
        (int row, int block) = Math.DivRem(index, Blocks);
        (int headIndex, int query) = Math.DivRem(row, _problem.QueryLength);
        (int batch, int head) = Math.DivRem(headIndex, _problem.Heads);
        float* scores = _problem.Scores.At(batch, head, query);
        float* queryRow = _problem.Query.At(batch, head, query);
        int size = _problem.HiddenSize;
        int whole = size - size % TSimd.Count;
        int end = Math.Min((block + 1) * BlockKeys, _problem.KeyLength);
        for (int key = block * BlockKeys; key < end; key++)
        {
            float* keyRow = _problem.Key.At(batch, head / _problem.GroupSize, key);
            scores[key] = Score<TSimd, TVector>(queryRow, keyRow, _problem.Vector, 0, whole)
                + Score<SimdScalar, float>(queryRow, keyRow, _problem.Vector, whole, size);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Score<T, V>(float* query, float* key, float* vector, int start, int end)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V sums = T.Zero;
        for (int index = start; index < end; index += T.Count)
        {
            V tanh = VectorMath.Tanh<T, V>(T.Add(T.Load(query + index), T.Load(key + index)));
            sums = T.MultiplyAdd(T.Load(vector + index), tanh, sums);
        }

        return T.Sum(sums);
    }
}
