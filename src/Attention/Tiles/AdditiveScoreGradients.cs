using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The gradients of some hidden columns of one key head: with t = tanh(q + k) and the score's gradient g, <c>g t</c> comes to the vector and
/// <c>g vector (1 - t^2)</c> to query and key. Columns do not meet, so that pieces need no sums between them but the vector's; keys
/// whose score has no gradient are not looked at.
/// </summary>
internal readonly unsafe struct AdditiveScoreGradients<TSimd, TVector>(in AdditiveScoreProblem problem) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Columns of a piece: a few vectors, so that one head gives work to several threads.</summary>
    private const int BlockColumns = 64;

    private readonly AdditiveScoreProblem _problem = problem;

    internal int Count => checked(_problem.Batch * _problem.KeyValueHeads * Blocks);

    private int Blocks => (int)PanelCut.Blocks(_problem.HiddenSize, BlockColumns);

    public void Invoke(int index)
    {
        (int keyHeadIndex, int block) = Math.DivRem(index, Blocks);
        (int batch, int keyHead) = Math.DivRem(keyHeadIndex, _problem.KeyValueHeads);
        int first = block * BlockColumns;
        int end = Math.Min(first + BlockColumns, _problem.HiddenSize);
        int whole = end - (end - first) % TSimd.Count;
        float* vectorSums = _problem.VectorSums == null ? null : _problem.VectorSums + (nint)keyHeadIndex * _problem.HiddenSize;
        Columns<TSimd, TVector>(batch, keyHead, first, whole, vectorSums);
        Columns<SimdScalar, float>(batch, keyHead, whole, end, vectorSums);
    }

    private void Columns<T, V>(int batch, int keyHead, int start, int end, float* vectorSums)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        for (int column = start; column < end; column += T.Count)
        {
            V vectorSum = T.Zero;
            for (int key = 0; key < _problem.KeyLength && _problem.KeyGradient.IsPresent; key++)
            {
                T.Store(T.Zero, _problem.KeyGradient.At(batch, keyHead, key) + column);
            }

            for (int head = keyHead * _problem.GroupSize; head < (keyHead + 1) * _problem.GroupSize; head++)
            {
                for (int query = 0; query < _problem.QueryLength; query++)
                {
                    vectorSum = Row<T, V>(batch, head, query, column, vectorSum);
                }
            }

            if (vectorSums != null)
            {
                T.Store(vectorSum, vectorSums + column);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private V Row<T, V>(int batch, int head, int query, int column, V vectorSum)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        int keyHead = head / _problem.GroupSize;
        bool hasKeyGradient = _problem.KeyGradient.IsPresent;
        float* scores = _problem.Scores.At(batch, head, query);
        V queryRow = T.Load(_problem.Query.At(batch, head, query) + column);
        V vector = T.Load(_problem.Vector + column);
        V one = T.Create(1f);
        V querySum = T.Zero;
        for (int key = 0; key < _problem.KeyLength; key++)
        {
            float slope = scores[key];
            if (slope == 0f)
            {
                continue;
            }

            V slopes = T.Create(slope);
            V tanh = VectorMath.Tanh<T, V>(T.Add(queryRow, T.Load(_problem.Key.At(batch, keyHead, key) + column)));
            vectorSum = T.MultiplyAdd(slopes, tanh, vectorSum);

            // (1 - t)(1 + t) keeps the digits that 1 - t^2 loses near 1.
            V gradient = T.Multiply(T.Multiply(slopes, vector), T.Multiply(T.Subtract(one, tanh), T.Add(one, tanh)));
            querySum = T.Add(querySum, gradient);
            if (hasKeyGradient)
            {
                float* keyGradient = _problem.KeyGradient.At(batch, keyHead, key) + column;
                T.Store(T.Add(T.Load(keyGradient), gradient), keyGradient);
            }
        }

        if (_problem.QueryGradient.IsPresent)
        {
            T.Store(querySum, _problem.QueryGradient.At(batch, head, query) + column);
        }

        return vectorSum;
    }
}
