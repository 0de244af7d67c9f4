using System.Runtime.InteropServices;

namespace Attention.TestKit;

/// <summary>
/// Native memory of exactly so many elements, with a page that nobody may touch right after its last one (and one before
/// the page it begins in): whoever reads or writes past the end dies there. It is first filled with set bits, which is NaN
/// as a float, a half or a bfloat16.
/// </summary>
/// <typeparam name="T">The element.</typeparam>
public unsafe class GuardedBuffer<T> : IDisposable
    where T : unmanaged
{
    private readonly nuint _mapped;
    private nint _mapping;

    /// <summary>Maps the memory.</summary>
    /// <param name="length">Elements; with 0, <see cref="Start"/> is the forbidden page itself.</param>
    public GuardedBuffer(int length)
    {
        Length = length;
        nuint bytes = (nuint)length * (nuint)sizeof(T);
        nuint page = (nuint)Environment.SystemPageSize;
        nuint usable = (bytes + page - 1) / page * page;
        _mapped = usable + 2 * page;
        _mapping = Pages.Reserve(_mapped);
        byte* end = (byte*)_mapping + page + usable;
        if (usable > 0)
        {
            Pages.Open(_mapping + (nint)page, usable);
            NativeMemory.Fill(end - usable, usable, 0xFF);
        }

        Start = (T*)(end - bytes);
    }

    /// <summary>The first element; aligned to the element and, in general, to nothing more.</summary>
    public T* Start { get; }

    /// <summary>How many elements there are.</summary>
    public int Length { get; }

    /// <summary>The elements.</summary>
    public Span<T> Span => new(Start, Length);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_mapping != 0)
        {
            Pages.Free(_mapping, _mapped);
            _mapping = 0;
        }

        GC.SuppressFinalize(this);
    }
}
