using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Attention.Simd;

namespace Attention.Comparison.Machine;

/// <summary>The memory limit: how fast the cores can read what lies in no cache.</summary>
internal sealed unsafe class ReadBandwidth : IDisposable
{
    // Sixteen times a last-level cache of 32 MiB.
    private const long BufferBytes = 512L << 20;
    private const int Passes = 4;
    private const int FloatsPerStep = 128;

    private readonly int _threads;
    private readonly long _share;
    private readonly float* _buffer;
    private int _prefetch;

    internal ReadBandwidth(int threads)
    {
        _threads = threads;
        _share = BufferBytes / sizeof(float) / threads / FloatsPerStep * FloatsPerStep;
        _buffer = (float*)NativeMemory.AlignedAlloc((nuint)BufferBytes, 64);
        new Span<float>(_buffer, (int)(BufferBytes / sizeof(float))).Fill(1f);
        BytesPerSecond = Best();
    }

    /// <summary>What the threads together reached in the best of several passes and prefetch distances.</summary>
    internal double BytesPerSecond { get; }

    /// <summary>What <see cref="Read()"/> reads.</summary>
    internal double Bytes => (double)_threads * _share * sizeof(float);

    /// <summary>Reads the buffer once, at the prefetch distance that was best, and gives the seconds it took.</summary>
    internal double Read() => Read(_prefetch);

    public void Dispose() => NativeMemory.AlignedFree(_buffer);

    private double Read(int prefetch) => SideBySide.Seconds(_threads, index => Read(_buffer + index * _share, _share, prefetch));

    private double Best()
    {
        double best = 0;
        for (int pass = 0; pass < Passes; pass++)
        {
            foreach (int prefetch in (ReadOnlySpan<int>)[0, 1024, 4096])
            {
                double rate = Bytes / Read(prefetch);
                if (rate > best)
                {
                    (best, _prefetch) = (rate, prefetch);
                }
            }
        }

        return best;
    }

    private static void Read(float* source, long count, int prefetch)
    {
        float sum = SimdWidths.Preferred switch
        {
            SimdWidth.Vector512 => Sum<Simd512, Vector512<float>>(source, count, prefetch),
            SimdWidth.Vector256 => Sum<Simd256, Vector256<float>>(source, count, prefetch),
            SimdWidth.Vector128 => Sum<Simd128, Vector128<float>>(source, count, prefetch),
            _ => Sum<SimdScalar, float>(source, count, prefetch),
        };
        if (!(sum > 0))
        {
            throw new InvalidOperationException("The buffer holds ones.");
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Sum<TSimd, TVector>(float* source, long count, int prefetch)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector s0 = TSimd.Zero, s1 = TSimd.Zero, s2 = TSimd.Zero, s3 = TSimd.Zero;
        for (float* end = source + count; source < end; source += FloatsPerStep)
        {
            if (Sse.IsSupported && prefetch != 0)
            {
                for (int line = 0; line < FloatsPerStep; line += 16)
                {
                    Sse.Prefetch0(source + prefetch + line);
                }
            }

            for (int i = 0; i < FloatsPerStep; i += 4 * TSimd.Count)
            {
                s0 = TSimd.Add(s0, TSimd.Load(source + i));
                s1 = TSimd.Add(s1, TSimd.Load(source + i + TSimd.Count));
                s2 = TSimd.Add(s2, TSimd.Load(source + i + 2 * TSimd.Count));
                s3 = TSimd.Add(s3, TSimd.Load(source + i + 3 * TSimd.Count));
            }
        }

        return TSimd.Sum(TSimd.Add(TSimd.Add(s0, s1), TSimd.Add(s2, s3)));
    }
}
