using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The convolutions of location-aware attention, vectors along keys (or along taps, where keys are summed over): every vector of
/// the signal is read where it lies, so nothing is arranged first. Loads may go up to a vector beyond what counts; there is room.
/// </summary>
internal static unsafe class LocationConvolution
{
    /// <summary>
    /// <c>destination[j] = sum_r filter[r] signal[j + r]</c>, plus what it held if <paramref name="adds"/>. Writes whole vectors.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void Correlate<TSimd, TVector>(float* signal, float* filter, int width, float* destination, int count, bool adds)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int j = 0;
        for (; j <= count - 4 * TSimd.Count; j += 4 * TSimd.Count)
        {
            // Four vectors hide the latency of the additions and share each tap.
            float* target = destination + j;
            TVector sum0 = adds ? TSimd.Load(target) : TSimd.Zero;
            TVector sum1 = adds ? TSimd.Load(target + TSimd.Count) : TSimd.Zero;
            TVector sum2 = adds ? TSimd.Load(target + 2 * TSimd.Count) : TSimd.Zero;
            TVector sum3 = adds ? TSimd.Load(target + 3 * TSimd.Count) : TSimd.Zero;
            for (int r = 0; r < width; r++)
            {
                TVector tap = TSimd.Create(filter[r]);
                float* source = signal + j + r;
                sum0 = TSimd.MultiplyAdd(tap, TSimd.Load(source), sum0);
                sum1 = TSimd.MultiplyAdd(tap, TSimd.Load(source + TSimd.Count), sum1);
                sum2 = TSimd.MultiplyAdd(tap, TSimd.Load(source + 2 * TSimd.Count), sum2);
                sum3 = TSimd.MultiplyAdd(tap, TSimd.Load(source + 3 * TSimd.Count), sum3);
            }

            TSimd.Store(sum0, target);
            TSimd.Store(sum1, target + TSimd.Count);
            TSimd.Store(sum2, target + 2 * TSimd.Count);
            TSimd.Store(sum3, target + 3 * TSimd.Count);
        }

        for (; j < count; j += TSimd.Count)
        {
            TVector sum = adds ? TSimd.Load(destination + j) : TSimd.Zero;
            for (int r = 0; r < width; r++)
            {
                sum = TSimd.MultiplyAdd(TSimd.Create(filter[r]), TSimd.Load(signal + j + r), sum);
            }

            TSimd.Store(sum, destination + j);
        }
    }

    /// <summary><c>filterGradient[r] += sum_j gradient[j] signal[j + r]</c>, whole vectors of taps.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AddFilterGradient<TSimd, TVector>(float* gradient, int count, float* signal, float* filterGradient, int width)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        int r = 0;
        for (; r <= width - 4 * TSimd.Count; r += 4 * TSimd.Count)
        {
            float* target = filterGradient + r;
            TVector sum0 = TSimd.Load(target);
            TVector sum1 = TSimd.Load(target + TSimd.Count);
            TVector sum2 = TSimd.Load(target + 2 * TSimd.Count);
            TVector sum3 = TSimd.Load(target + 3 * TSimd.Count);
            for (int j = 0; j < count; j++)
            {
                TVector factor = TSimd.Create(gradient[j]);
                float* source = signal + j + r;
                sum0 = TSimd.MultiplyAdd(factor, TSimd.Load(source), sum0);
                sum1 = TSimd.MultiplyAdd(factor, TSimd.Load(source + TSimd.Count), sum1);
                sum2 = TSimd.MultiplyAdd(factor, TSimd.Load(source + 2 * TSimd.Count), sum2);
                sum3 = TSimd.MultiplyAdd(factor, TSimd.Load(source + 3 * TSimd.Count), sum3);
            }

            TSimd.Store(sum0, target);
            TSimd.Store(sum1, target + TSimd.Count);
            TSimd.Store(sum2, target + 2 * TSimd.Count);
            TSimd.Store(sum3, target + 3 * TSimd.Count);
        }

        for (; r < width; r += TSimd.Count)
        {
            TVector sum = TSimd.Load(filterGradient + r);
            for (int j = 0; j < count; j++)
            {
                sum = TSimd.MultiplyAdd(TSimd.Create(gradient[j]), TSimd.Load(signal + j + r), sum);
            }

            TSimd.Store(sum, filterGradient + r);
        }
    }
}
