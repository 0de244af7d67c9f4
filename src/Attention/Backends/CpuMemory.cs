using System.Collections.Concurrent;
using System.Numerics;

namespace Attention.Backends;

/// <summary>
/// Buffers that nobody uses at the moment, by size. Fresh memory costs a page fault every four kilobytes, more than many a
/// computation, so what a training step gives back serves the next one.
/// </summary>
internal sealed class CpuMemory
{
    // Sizes are 1, 1.25, 1.5 and 1.75 times a power of two, so that at most a quarter of a buffer lies idle.
    private const int StepsPerPower = 4;
    private const int SmallestPower = 6;
    private readonly ConcurrentBag<CpuBuffer>[] _free = [.. Enumerable.Range(0, 64 * StepsPerPower).Select(_ => new ConcurrentBag<CpuBuffer>())];

    internal CpuBuffer? Take(nint length) => _free[Class(length)].TryTake(out CpuBuffer? buffer) ? buffer : null;

    internal void Return(CpuBuffer buffer) => _free[Class(buffer.Length)].Add(buffer);

    /// <summary>Forgets what is free; the collector gives it back to the system.</summary>
    internal void Clear()
    {
        foreach (ConcurrentBag<CpuBuffer> buffers in _free)
        {
            buffers.Clear();
        }
    }

    /// <summary>The size of the buffers that serve a length.</summary>
    internal static nint Capacity(nint length)
    {
        int index = Class(length);
        return (StepsPerPower + index % StepsPerPower) * ((nint)1 << (index / StepsPerPower + SmallestPower)) / StepsPerPower;
    }

    private static int Class(nint length)
    {
        long least = Math.Max(length, 1L << SmallestPower);
        int power = BitOperations.Log2((ulong)least);
        long step = (1L << power) / StepsPerPower;
        return (power - SmallestPower) * StepsPerPower + (int)((least - (1L << power) + step - 1) / step);
    }
}
