using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics.X86;

namespace Attention.Simd;

/// <summary>Asks for memory ahead of its use; never faults, and does nothing where there is no such instruction.</summary>
internal static unsafe class Prefetch
{
    /// <summary>Brings the cache line of <paramref name="address"/> into every level of the cache.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Near(float* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch0(address);
        }
    }

    /// <summary>
    /// Brings the cache line of <paramref name="address"/> into the second-level cache, from where the hardware fetches it in time:
    /// for streams too far ahead to take up the few requests that the first level can have under way.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static void Far(byte* address)
    {
        if (Sse.IsSupported)
        {
            Sse.Prefetch1(address);
        }
    }
}
