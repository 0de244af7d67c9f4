using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Attention.Simd;

namespace Attention.Comparison.Machine;

/// <summary>The arithmetic limit: what the cores can compute when nothing else holds them back.</summary>
internal static class FmaPeak
{
    // Twelve chains hide the latency of a fused multiply-add (four cycles, two per cycle) with room to spare, and with
    // the factor and the addend they fit the sixteen registers of AVX2: the loop never touches memory.
    private const int Chains = 12;
    private const long StepsPerWindow = 10_000_000;
    private const int Windows = 8;

    /// <summary>Operations per second of <paramref name="threads"/> threads together: the best of some short windows.</summary>
    internal static double Measure(int threads)
    {
        double best = 0;
        for (int window = 0; window < Windows; window++)
        {
            best = Math.Max(best, OperationsPerWindow(threads) / RunWindow(threads));
        }

        return best;
    }

    /// <summary>What <see cref="RunWindow(int)"/> computes.</summary>
    internal static double OperationsPerWindow(int threads) => 2.0 * Chains * FloatsPerVector * StepsPerWindow * threads;

    /// <summary>Runs a window, long beside the start of a thread, on so many threads and gives the seconds it took.</summary>
    internal static double RunWindow(int threads) => SideBySide.Seconds(threads, static _ => RunWindow());

    private static int FloatsPerVector => SimdWidths.Preferred switch
    {
        SimdWidth.Vector512 => Simd512.Count,
        SimdWidth.Vector256 => Simd256.Count,
        SimdWidth.Vector128 => Simd128.Count,
        _ => SimdScalar.Count,
    };

    private static void RunWindow()
    {
        float sum = SimdWidths.Preferred switch
        {
            SimdWidth.Vector512 => Run<Simd512, Vector512<float>>(StepsPerWindow),
            SimdWidth.Vector256 => Run<Simd256, Vector256<float>>(StepsPerWindow),
            SimdWidth.Vector128 => Run<Simd128, Vector128<float>>(StepsPerWindow),
            _ => Run<SimdScalar, float>(StepsPerWindow),
        };
        if (float.IsNaN(sum))
        {
            throw new UnreachableException("The chains converge to 2.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Run<TSimd, TVector>(long steps)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factor = TSimd.Create(0.5f);
        TVector addend = TSimd.Create(1f);
        TVector c0 = TSimd.Create(0f), c1 = TSimd.Create(1f), c2 = TSimd.Create(2f), c3 = TSimd.Create(3f);
        TVector c4 = TSimd.Create(4f), c5 = TSimd.Create(5f), c6 = TSimd.Create(6f), c7 = TSimd.Create(7f);
        TVector c8 = TSimd.Create(8f), c9 = TSimd.Create(9f), c10 = TSimd.Create(10f), c11 = TSimd.Create(11f);
        for (; steps > 0; steps--)
        {
            c0 = TSimd.MultiplyAdd(c0, factor, addend);
            c1 = TSimd.MultiplyAdd(c1, factor, addend);
            c2 = TSimd.MultiplyAdd(c2, factor, addend);
            c3 = TSimd.MultiplyAdd(c3, factor, addend);
            c4 = TSimd.MultiplyAdd(c4, factor, addend);
            c5 = TSimd.MultiplyAdd(c5, factor, addend);
            c6 = TSimd.MultiplyAdd(c6, factor, addend);
            c7 = TSimd.MultiplyAdd(c7, factor, addend);
            c8 = TSimd.MultiplyAdd(c8, factor, addend);
            c9 = TSimd.MultiplyAdd(c9, factor, addend);
            c10 = TSimd.MultiplyAdd(c10, factor, addend);
            c11 = TSimd.MultiplyAdd(c11, factor, addend);
        }

        TVector low = TSimd.Add(TSimd.Add(TSimd.Add(c0, c1), TSimd.Add(c2, c3)), TSimd.Add(c4, c5));
        TVector high = TSimd.Add(TSimd.Add(TSimd.Add(c6, c7), TSimd.Add(c8, c9)), TSimd.Add(c10, c11));
        return TSimd.Sum(TSimd.Add(low, high));
    }
}
