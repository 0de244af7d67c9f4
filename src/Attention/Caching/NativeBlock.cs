using System.Runtime.InteropServices;
using Attention.Execution;
using Attention.Tiles;

namespace Attention.Caching;

/// <summary>A piece of native memory with one owner, freed by it or, if forgotten, by the finalizer.</summary>
internal sealed unsafe class NativeBlock : IDisposable
{
    internal NativeBlock(nint bytes)
    {
        Bytes = bytes;
        Address = (byte*)NativeMemory.AlignedAlloc((nuint)Math.Max(bytes, 1), CacheLayout.Alignment);
        GC.AddMemoryPressure(Math.Max(bytes, 1));
        Poison(Address, bytes);
    }

    ~NativeBlock()
    {
        Release();
    }

    internal byte* Address { get; private set; }

    internal nint Bytes { get; }

    /// <summary>
    /// Where tests ask for it, memory that is new or given back is filled with NaN, in every storage: what is read before it is
    /// written shows.
    /// </summary>
    internal static void Poison(byte* address, nint bytes)
    {
        if (Scratch.Poison)
        {
            NativeMemory.Fill(address, (nuint)bytes, byte.MaxValue);
        }
    }

    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release()
    {
        if (Address != null)
        {
            NativeMemory.AlignedFree(Address);
            Address = null;
            GC.RemoveMemoryPressure(Math.Max(Bytes, 1));
        }
    }
}
