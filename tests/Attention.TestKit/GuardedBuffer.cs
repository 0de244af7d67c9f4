namespace Attention.TestKit;

/// <summary>A <see cref="GuardedBuffer{T}"/> of floats.</summary>
public sealed unsafe class GuardedBuffer : GuardedBuffer<float>
{
    /// <summary>Maps the memory and leaves NaN in it.</summary>
    /// <param name="length">Elements.</param>
    public GuardedBuffer(int length)
        : base(length)
    {
    }

    /// <summary>Maps the memory and copies <paramref name="values"/> into it.</summary>
    /// <param name="values">What it is to hold.</param>
    public GuardedBuffer(ReadOnlySpan<float> values)
        : base(values.Length) => values.CopyTo(Span);
}
