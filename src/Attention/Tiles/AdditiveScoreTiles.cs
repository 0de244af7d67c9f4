using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Additive scores alone, <c>score_ij = sum_c vector_c tanh(query_ic + key_jc)</c>, and their gradients.</summary>
internal unsafe struct AdditiveScoreProblem
{
    internal int Batch;
    internal int Heads;
    internal int KeyValueHeads;
    internal int QueryLength;
    internal int KeyLength;
    internal int HiddenSize;
    internal Operand Query;
    internal Operand Key;
    internal float* Vector;

    /// <summary>The scores forward, their gradient backward.</summary>
    internal Operand Scores;

    /// <summary>Null addresses are not wanted; likewise the others.</summary>
    internal Operand QueryGradient;
    internal Operand KeyGradient;

    /// <summary>One row of sums for each batch and key head, or null.</summary>
    internal float* VectorSums;

    internal readonly int GroupSize => Heads / KeyValueHeads;
}

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

/// <summary>Runs the kernels of additive scores.</summary>
internal static class AdditiveScorePass
{
    internal static void Forward(in AdditiveScoreProblem problem, in AttentionOptions options) =>
        WidthJobs.Run(options.Width, new Job(problem, isBackward: false, Threads(problem, options)));

    internal static void Backward(in AdditiveScoreProblem problem, in AttentionOptions options) =>
        WidthJobs.Run(options.Width, new Job(problem, isBackward: true, Threads(problem, options)));

    private static int Threads(in AdditiveScoreProblem problem, in AttentionOptions options) => WidthJobs.Threads(
        (nint)problem.Batch * problem.Heads * problem.QueryLength * problem.KeyLength * problem.HiddenSize, options.MaxDegreeOfParallelism);

    private readonly struct Job(AdditiveScoreProblem problem, bool isBackward, int threads) : IWidthJob
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            if (isBackward)
            {
                AdditiveScoreGradients<TSimd, TVector> gradients = new(problem);
                WorkerTeam.Run(gradients, gradients.Count, threads);
            }
            else
            {
                AdditiveScoreTile<TSimd, TVector> tile = new(problem);
                WorkerTeam.Run(tile, tile.Count, threads);
            }
        }
    }
}
