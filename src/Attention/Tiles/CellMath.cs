using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>What the cells of recurrences share.</summary>
internal static unsafe class CellMath
{
    /// <summary>
    /// <c>gates = s(input + gates)</c> over gates that lie side by side. A loop of its own: together with the tanh of a cell it would be
    /// too much to be inlined.
    /// </summary>
    internal static void Logistic<TSimd, TVector>(float* input, float* gates, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint whole = count - count % TSimd.Count;
        Logistic<TSimd, TVector>(input, gates, 0, whole);
        Logistic<SimdScalar, float>(input, gates, whole, count);
    }

    /// <summary>The gradient through the logistic function with value s: <c>gradient s (1 - s)</c>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector ThroughLogistic<TSimd, TVector>(TVector gradient, TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged =>
        TSimd.Multiply(gradient, TSimd.Multiply(value, TSimd.Subtract(TSimd.Create(1f), value)));

    /// <summary>The gradient through tanh with value t: <c>gradient (1 - t)(1 + t)</c>, which does not cancel near 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static TVector ThroughTanh<TSimd, TVector>(TVector gradient, TVector value)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector one = TSimd.Create(1f);
        return TSimd.Multiply(gradient, TSimd.Multiply(TSimd.Subtract(one, value), TSimd.Add(one, value)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Logistic<TSimd, TVector>(float* input, float* gates, nint column, nint end)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (; column < end; column += TSimd.Count)
        {
            TVector sum = TSimd.Add(TSimd.Load(input + column), TSimd.Load(gates + column));
            TSimd.Store(VectorMath.Sigmoid<TSimd, TVector>(sum), gates + column);
        }
    }
}
