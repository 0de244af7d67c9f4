using System.Runtime.InteropServices;

namespace Attention.Backends;

/// <summary>Native memory, aligned to cache lines; it returns to its backend's pool, and to the system if it is forgotten.</summary>
internal sealed unsafe class CpuBuffer : DeviceBuffer
{
    private const nuint Alignment = 64;

    private readonly CpuBackend _owner;

    internal CpuBuffer(CpuBackend owner, nint capacity)
        : base(owner, capacity)
    {
        _owner = owner;
        Address = (float*)NativeMemory.AlignedAlloc(Math.Max((nuint)capacity, 1) * sizeof(float), Alignment);
        GC.AddMemoryPressure(Math.Max(capacity, 1) * sizeof(float));
    }

    ~CpuBuffer()
    {
        if (Address == null)
        {
            // The allocation failed, and the constructor with it.
            return;
        }

        NativeMemory.AlignedFree(Address);
        GC.RemoveMemoryPressure(Math.Max(Length, 1) * sizeof(float));
    }

    internal float* Address { get; }

    /// <inheritdoc/>
    protected override void Free() => _owner.Return(this);
}
