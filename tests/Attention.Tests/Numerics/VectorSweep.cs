using System.Runtime.CompilerServices;
using Attention.Simd;
using Attention.TestKit;

namespace Attention.Tests.Numerics;

/// <summary>
/// Computes a function for floats spread evenly, by their bits, over a range, and finds the largest error in ULPs, with what
/// is allowed growing by so much per unit of the argument.
/// </summary>
internal sealed unsafe class VectorSweep<TFunction>(float from, float to, double boundPerUnit = 0) : IWidthAction
    where TFunction : struct, IVectorFunction
{
    private const int Block = 512;

    /// <summary>Below this the result of a function that flushes may be 0, and below <see cref="s_flushed"/> it must be.</summary>
    private static readonly double s_mayFlush = Math.Pow(2, -126.4999);
    private static readonly double s_flushed = Math.Pow(2, -126.5001);

    internal double Worst { get; private set; }

    internal float WorstAt { get; private set; }

    public void Invoke<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // Millions where the width is the processor's own, fewer where it is emulated or there is no vector unit at all.
        bool native = SimdWidths.Preferred != SimdWidth.Scalar && TSimd.Count == (int)SimdWidths.Preferred / 32;
        Sweep<TSimd, TVector>(native ? 8_000_000 : 400_000);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Sweep<TSimd, TVector>(int samples)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float* arguments = stackalloc float[Block];
        float* results = stackalloc float[Block];
        long first = Order(from);
        long last = Order(to);
        long step = Math.Max(1, (last - first) / samples);
        for (long next = first; next <= last;)
        {
            for (int i = 0; i < Block; i++, next = next <= last ? next + step : next)
            {
                arguments[i] = Inverse(Math.Min(next, last));
            }

            for (int i = 0; i < Block; i += TSimd.Count)
            {
                TSimd.Store(TFunction.Invoke<TSimd, TVector>(TSimd.Load(arguments + i)), results + i);
            }

            for (int i = 0; i < Block; i++)
            {
                double error = Error(results[i], TFunction.Reference(arguments[i])) - boundPerUnit * Math.Abs(arguments[i]);
                if (error > Worst)
                {
                    Worst = error;
                    WorstAt = arguments[i];
                }
            }
        }
    }

    private static double Error(float value, double reference)
    {
        if (!TFunction.FlushesToZero || !(reference < s_mayFlush) || (reference >= s_flushed && value != 0))
        {
            return Ulp.Distance(value, reference);
        }

        return value == 0 ? 0 : double.PositiveInfinity;
    }

    /// <summary>Numbers floats in rising order, through negative ones, 0 and positive ones.</summary>
    private static long Order(float value)
    {
        int bits = BitConverter.SingleToInt32Bits(value);
        return bits >= 0 ? bits : -(long)(bits & int.MaxValue);
    }

    private static float Inverse(long order) =>
        BitConverter.Int32BitsToSingle(order >= 0 ? (int)order : (int)-order | int.MinValue);
}
