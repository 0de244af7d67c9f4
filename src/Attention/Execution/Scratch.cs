using System.Runtime.InteropServices;

namespace Attention.Execution;

/// <summary>
/// The working memory of one thread: a native block, aligned to cache lines, that grows to the largest need seen and is
/// kept for the thread's next call, so that the steady state allocates nothing.
/// </summary>
/// <remarks>
/// Rents nest like a stack: a kernel that calls another one takes what lies above. What is rented is not cleared.
/// </remarks>
internal sealed unsafe class Scratch
{
    private const int Alignment = 64;

    [ThreadStatic]
    private static Scratch? t_current;

    private byte* _block;
    private nuint _size;
    private nuint _used;
    private nuint _need;
    private Overflow? _overflow;

    /// <summary>When set, everything rented is first filled with NaN: tests find what is read before it is written.</summary>
    internal static bool Poison { get; set; }

    /// <summary>Bytes that this thread keeps: the most that its calls took.</summary>
    internal static long BytesOfThisThread => (long)(t_current?._size ?? 0);

    ~Scratch()
    {
        NativeMemory.AlignedFree(_block);
    }

    /// <summary>Takes room for <paramref name="count"/> floats, aligned to 64 bytes, until the rental is disposed.</summary>
    internal static Rental Rent(nint count)
    {
        Scratch scratch = t_current ??= new Scratch();
        nuint start = scratch._used;
        float* memory = scratch.Take((nuint)count * sizeof(float));
        if (Poison)
        {
            new Span<float>(memory, checked((int)count)).Fill(float.NaN);
        }

        return new Rental(scratch, start, memory);
    }

    private float* Take(nuint bytes)
    {
        bytes = (bytes + Alignment - 1) & ~(nuint)(Alignment - 1);
        if (_used + bytes <= _size)
        {
            float* memory = (float*)(_block + _used);
            _used += bytes;
            return memory;
        }

        if (_used == 0)
        {
            Grow(bytes);
            _used = bytes;
            return (float*)_block;
        }

        // Somebody below still uses the block, so it cannot move: this once the memory comes from elsewhere, and the
        // block grows when it is free again.
        _overflow = new Overflow((byte*)NativeMemory.AlignedAlloc(bytes, Alignment), _used, _overflow);
        _used += bytes;
        _need = Math.Max(_need, _used);
        return (float*)_overflow.Memory;
    }

    private void Release(nuint start)
    {
        // What overflowed goes at once: a loop that rents above a block in use must not pile pieces up.
        while (_overflow is not null && _overflow.Start >= start)
        {
            NativeMemory.AlignedFree(_overflow.Memory);
            _overflow = _overflow.Below;
        }

        _used = start;
        if (start == 0 && _need > _size)
        {
            Grow(_need);
        }
    }

    private void Grow(nuint size)
    {
        NativeMemory.AlignedFree(_block);
        _block = null;
        _size = 0;
        _block = (byte*)NativeMemory.AlignedAlloc(size, Alignment);
        _size = size;
    }

    private sealed class Overflow(byte* memory, nuint start, Overflow? below)
    {
        internal byte* Memory { get; } = memory;

        internal nuint Start { get; } = start;

        internal Overflow? Below { get; } = below;
    }

    /// <summary>A piece of scratch; dispose it in the reverse order of renting.</summary>
    internal readonly ref struct Rental
    {
        private readonly Scratch _owner;
        private readonly nuint _start;

        internal Rental(Scratch owner, nuint start, float* memory)
        {
            _owner = owner;
            _start = start;
            Memory = memory;
        }

        internal float* Memory { get; }

        public void Dispose() => _owner.Release(_start);
    }
}
