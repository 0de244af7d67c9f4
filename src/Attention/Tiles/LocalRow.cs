using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// What happens to one query and a run of its window's keys. Rows of numbers lie in scratch, with room up to a whole
/// cache line; vectors run along the head for products and along the keys for everything else.
/// </summary>
internal static unsafe class LocalRow
{
    /// <summary>The distance between rows of scratch that hold a number for each of so many keys.</summary>
    internal static int Stride(int keys) => TilePlan.RoundUp(keys, ScoreRow.CacheLine);

    /// <summary>
    /// Computes the softmax over the window; weights of hidden keys are zero. What it takes to compute them again goes to
    /// <paramref name="state"/>.
    /// </summary>
    /// <returns>The log-sum-exp: negative infinity where nothing is allowed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float ComputeWeights<TSimd, TVector, TMask>(
        in LocalProblem problem, in TMask mask, int batch, int head, int query, IndexRange keys, float* weights, ref LocalRowState state)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
    {
        ComputeScores<TSimd, TVector, TMask>(problem, mask, batch, head, query, keys, weights);
        state.Max = Reductions.Max<TSimd, TVector>(weights, keys.Length);
        float logSumExp = RowSoftmax.Forward<TSimd, TVector>(weights, weights, keys.Length);

        // The exponential of the largest score is 1: its weight is what all exponentials are multiplied by.
        state.Factor = Reductions.Max<TSimd, TVector>(weights, keys.Length);
        if (float.IsNaN(logSumExp))
        {
            state.Factor = float.NaN;
            ClearHidden(mask, batch, head, query, keys, weights);
        }

        return logSumExp;
    }

    /// <summary>
    /// Computes the weights of some keys again, from the largest score of the whole window and its weight: as in the forward pass, however
    /// large the scores are. A log-sum-exp of large scores would be rounded too much for that.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void RecomputeWeights<TSimd, TVector, TMask>(
        in LocalProblem problem, in TMask mask, int batch, int head, int query, IndexRange keys, in LocalRowState state, float* weights)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
    {
        ComputeScores<TSimd, TVector, TMask>(problem, mask, batch, head, query, keys, weights);
        TVector max = TSimd.Create(state.Max);
        TVector factor = TSimd.Create(state.Factor);
        TVector scale = TSimd.Create(VectorMath.Log2E);
        TVector lowest = TSimd.Create(VectorMath.LowestDifference(VectorMath.Log2E));
        for (int i = 0; i < keys.Length; i += TSimd.Count)
        {
            TVector difference = TSimd.Subtract(TSimd.Load(weights + i), max);
            TVector weight = VectorMath.ExpScaledOfNonPositive<TSimd, TVector>(difference, scale, lowest);
            TSimd.Store(TSimd.Multiply(weight, factor), weights + i);
        }

        if (float.IsNaN(state.Factor))
        {
            ClearHidden(mask, batch, head, query, keys, weights);
        }
    }

    /// <summary>
    /// Computes what each weight is multiplied by after the softmax: the Gaussian times what dropout keeps.
    /// </summary>
    /// <returns>False, and nothing is written, where every factor is 1.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static bool ComputeFactors<TSimd, TVector>(
        in LocalProblem problem, int batch, int head, int query, IndexRange keys, float* factors)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        ref readonly AttentionProblem attention = ref problem.Attention;
        float position = problem.PositionOf(batch, query);
        if (float.IsNaN(position))
        {
            new Span<float>(factors, keys.Length).Fill(float.NaN);
            return true;
        }

        bool drops = attention.Dropout > 0;
        if (drops)
        {
            DropoutMask.FillKeep(attention.DropoutSeed, batch, head, query, keys.Start, keys.Length, attention.Dropout, factors);
        }

        if (problem.HasGaussian)
        {
            TVector middle = TSimd.Create(position);
            TVector scale = TSimd.Create(problem.InverseVariance * -0.5f);
            for (int i = 0; i < keys.Length; i += TSimd.Count)
            {
                TVector distance = TSimd.Subtract(TSimd.Add(TSimd.Create(keys.Start + i), TSimd.Lanes), middle);
                TVector factor = VectorMath.Exp<TSimd, TVector>(TSimd.Multiply(TSimd.Multiply(distance, scale), distance));
                TSimd.Store(drops ? TSimd.Multiply(factor, TSimd.Load(factors + i)) : factor, factors + i);
            }
        }

        return drops || problem.HasGaussian;
    }

    /// <summary>
    /// The gradient of the position: the sum of <c>weight factor gradient (key - position) / sigma^2</c>, where a weight or
    /// factor of zero selects away whatever stands beside it.
    /// </summary>
    /// <param name="problem">The problem, which has a Gaussian.</param>
    /// <param name="position">The position.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="weights">The weights of the softmax.</param>
    /// <param name="factors">What they are multiplied by.</param>
    /// <param name="gradients">The gradients of the products.</param>
    internal static float PositionGradient(
        in LocalProblem problem, float position, IndexRange keys, float* weights, float* factors, float* gradients)
    {
        float sum = 0;
        for (int i = 0; i < keys.Length; i++)
        {
            if (weights[i] != 0 && factors[i] != 0)
            {
                sum += weights[i] * factors[i] * gradients[i] * (keys.Start + i - position);
            }
        }

        return sum * problem.InverseVariance;
    }

    /// <summary><c>products[i] = left . rows[i]</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void MultiplyByRows<TSimd, TVector>(float* left, float* rows, nint rowStride, int count, int size, float* products)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (int i = 0; i < count; i++, rows += rowStride)
        {
            products[i] = Reductions.Dot<TSimd, TVector>(left, rows, size);
        }
    }

    /// <summary><c>destination = sum weights[i] rows[i]</c>, where a weight of zero selects its row away.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void WeighRows<TSimd, TVector>(float* weights, int count, float* rows, nint rowStride, int size, float* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int column = 0;
        for (; column <= size - 4 * TSimd.Count; column += 4 * TSimd.Count)
        {
            TVector sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
            float* row = rows + column;
            for (int i = 0; i < count; i++, row += rowStride)
            {
                if (weights[i] != 0)
                {
                    TVector weight = TSimd.Create(weights[i]);
                    sum0 = TSimd.MultiplyAdd(weight, TSimd.Load(row), sum0);
                    sum1 = TSimd.MultiplyAdd(weight, TSimd.Load(row + TSimd.Count), sum1);
                    sum2 = TSimd.MultiplyAdd(weight, TSimd.Load(row + 2 * TSimd.Count), sum2);
                    sum3 = TSimd.MultiplyAdd(weight, TSimd.Load(row + 3 * TSimd.Count), sum3);
                }
            }

            TSimd.Store(sum0, destination + column);
            TSimd.Store(sum1, destination + column + TSimd.Count);
            TSimd.Store(sum2, destination + column + 2 * TSimd.Count);
            TSimd.Store(sum3, destination + column + 3 * TSimd.Count);
        }

        int whole = size - size % TSimd.Count;
        WeighColumns<TSimd, TVector>(weights, count, rows, rowStride, column, whole, destination);
        WeighColumns<SimdScalar, float>(weights, count, rows, rowStride, whole, size, destination);
    }

    /// <summary><c>destination += factor source</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AddScaled<TSimd, TVector>(float factor, float* source, float* destination, int size)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factors = TSimd.Create(factor);
        int i = 0;
        for (; i <= size - TSimd.Count; i += TSimd.Count)
        {
            TSimd.Store(TSimd.MultiplyAdd(factors, TSimd.Load(source + i), TSimd.Load(destination + i)), destination + i);
        }

        for (; i < size; i++)
        {
            destination[i] = SimdScalar.MultiplyAdd(factor, source[i], destination[i]);
        }
    }

    private static void ComputeScores<TSimd, TVector, TMask>(
        in LocalProblem problem, in TMask mask, int batch, int head, int query, IndexRange keys, float* scores)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TMask : struct, IAttentionMask
    {
        ref readonly AttentionProblem attention = ref problem.Attention;
        MultiplyByRows<TSimd, TVector>(
            attention.Query.At(batch, head, query), attention.Key.At(batch, head / attention.GroupSize, keys.Start),
            attention.Key.RowStride, keys.Length, attention.HeadSize, scores);
        ScoreRow.Scale<TSimd, TVector>(scores, keys.Length, attention.Scale);
        if (!TMask.IsInterval)
        {
            // The keys of an interval mask are within its bounds already.
            ScoreRow.HidePairs(scores, 0, keys.Length, mask, batch, head, query, keys.Start);
        }
    }

    /// <summary>A row is NaN, but not what its mask hides: that must not reach the gradients of hidden keys.</summary>
    private static void ClearHidden<TMask>(in TMask mask, int batch, int head, int query, IndexRange keys, float* weights)
        where TMask : struct, IAttentionMask
    {
        for (int i = 0; i < keys.Length; i++)
        {
            weights[i] = mask.Allows(batch, head, query, keys.Start + i) ? weights[i] : 0;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void WeighColumns<TSimd, TVector>(
        float* weights, int count, float* rows, nint rowStride, int column, int end, float* destination)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (; column < end; column += TSimd.Count)
        {
            TVector sum = TSimd.Zero;
            float* row = rows + column;
            for (int i = 0; i < count; i++, row += rowStride)
            {
                if (weights[i] != 0)
                {
                    sum = TSimd.MultiplyAdd(TSimd.Create(weights[i]), TSimd.Load(row), sum);
                }
            }

            TSimd.Store(sum, destination + column);
        }
    }
}
