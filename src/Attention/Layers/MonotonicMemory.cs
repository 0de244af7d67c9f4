using Attention.Autodiff;
using Attention.Policies;

namespace Attention.Layers;

/// <summary>
/// A memory that a <see cref="MonotonicAttentionLayer"/> steps through: what can be computed once, and where each sequence's scan
/// stands. For one thread.
/// </summary>
public sealed class MonotonicMemory : IDisposable
{
    private readonly int[] _positions;

    internal MonotonicMemory(Variable memory, Variable keys, Variable? chunkKeys, int[] lengths)
    {
        Memory = memory;
        Keys = keys;
        ChunkKeys = chunkKeys;
        Lengths = lengths;
        _positions = new int[lengths.Length];
    }

    /// <summary>The key at which each sequence's last query stopped, <c>[batch]</c>; its length once the scan ran past the last one.</summary>
    public ReadOnlySpan<int> Positions => _positions;

    internal Variable Memory { get; }

    internal Variable Keys { get; }

    internal Variable? ChunkKeys { get; }

    internal int[] Lengths { get; }

    /// <summary>Without any sequence there is no length to give.</summary>
    internal KeyLengthMask Mask => Lengths.Length == 0 ? new KeyLengthMask(0) : new KeyLengthMask(Lengths);

    /// <summary>Moves the scan of a sequence.</summary>
    internal void MoveTo(int sequence, int position) => _positions[sequence] = position;

    /// <summary>Gives the memory of what was computed back.</summary>
    public void Dispose()
    {
        Memory.Dispose();
        Keys.Dispose();
        ChunkKeys?.Dispose();
    }
}
