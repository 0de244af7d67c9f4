using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>The sum that the entropy of a row needs: with e = exp(s - shift) and l = sum(e), H = ln l - sum(e (s - shift)) / l.</summary>
internal static unsafe class RowEntropy
{
    /// <summary>Computes <c>sum(weights (scores - shift))</c>, a weight of 0 counting nothing.</summary>
    /// <param name="scores">A row of scores, whole vectors.</param>
    /// <param name="weights">exp(scores - shift).</param>
    /// <param name="columns">How many, whole vectors.</param>
    /// <param name="shift">The largest score.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static float WeightedSum<TSimd, TVector>(float* scores, float* weights, int columns, float shift)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector shifts = TSimd.Create(shift);
        TVector sums = TSimd.Zero;
        for (int column = 0; column < columns; column += TSimd.Count)
        {
            TVector weight = TSimd.Load(weights + column);
            TVector product = TSimd.Multiply(weight, TSimd.Subtract(TSimd.Load(scores + column), shifts));
            sums = TSimd.Add(sums, TSimd.Select(TSimd.Equals(weight, TSimd.Zero), TSimd.Zero, product));
        }

        return TSimd.Sum(sums);
    }
}
