using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>What the gradient of given scores is computed from, and where it goes.</summary>
internal unsafe struct SoftmaxGradientProblem
{
    internal GivenScores Weights;
    internal float Factor;
    internal Operand WeightsGradient;
    internal Operand ScoresGradient;
}

/// <summary>
/// The gradients of some rows of scores, <c>factor a (da - sum(a da))</c>; what has no weight gets 0, whatever its gradient is.
/// </summary>
internal readonly unsafe struct SoftmaxGradientRows<TSimd, TVector>(in SoftmaxGradientProblem problem) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private readonly SoftmaxGradientProblem _problem = problem;

    public void Invoke(int index)
    {
        GivenScores weights = _problem.Weights;
        nint end = Math.Min((index + 1) * weights.PieceRows, weights.Rows);
        int whole = weights.KeyLength - weights.KeyLength % TSimd.Count;
        for (nint row = index * weights.PieceRows; row < end; row++)
        {
            GivenRow at = weights.Row(row);
            float* weight = weights.Scores.At(at.Batch, at.Head, at.Query);
            float* gradient = _problem.WeightsGradient.At(at.Batch, at.Head, at.Query);
            float* destination = _problem.ScoresGradient.At(at.Batch, at.Head, at.Query);
            float mean = Mean<TSimd, TVector>(weight, gradient, 0, whole) + Mean<SimdScalar, float>(weight, gradient, whole, weights.KeyLength);
            Write<TSimd, TVector>(weight, gradient, destination, 0, whole, mean);
            Write<SimdScalar, float>(weight, gradient, destination, whole, weights.KeyLength, mean);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Mean<T, V>(float* weights, float* gradients, int start, int end)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V sums = T.Zero;
        for (int column = start; column < end; column += T.Count)
        {
            V weight = T.Load(weights + column);
            V product = T.Multiply(weight, T.Load(gradients + column));
            sums = T.Add(sums, T.Select(T.Equals(weight, T.Zero), T.Zero, product));
        }

        return T.Sum(sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Write<T, V>(float* weights, float* gradients, float* destination, int start, int end, float mean)
        where T : struct, ISimd<V>
        where V : unmanaged
    {
        V means = T.Create(mean);
        V factor = T.Create(_problem.Factor);
        for (int column = start; column < end; column += T.Count)
        {
            V weight = T.Load(weights + column);
            V value = T.Multiply(T.Multiply(weight, factor), T.Subtract(T.Load(gradients + column), means));
            T.Store(T.Select(T.Equals(weight, T.Zero), T.Zero, value), destination + column);
        }
    }
}
