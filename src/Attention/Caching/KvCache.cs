using System.Diagnostics.CodeAnalysis;
using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Tiles;

namespace Attention.Caching;

/// <summary>
/// Keys and values of past tokens, sequence by sequence, for attention that continues them: a prompt in one call or in parts,
/// then token by token. <see cref="ContiguousKvCache"/> keeps a sequence in one piece, <see cref="RollingKvCache"/> forgets what
/// no window reaches, <see cref="PagedKvCache"/> shares a fixed number of pages.
/// </summary>
/// <remarks>
/// <para>
/// A sequence is known by the number that <see cref="Add"/> gives; numbers are never given twice. Sequences have lengths of
/// their own, and a call may name any of them in any order.
/// </para>
/// <para>
/// The same tokens give the same bits in every kind of cache of the same storage, whatever the size of pages and however
/// they were appended. Memory is native, owned by the cache, and freed by <see cref="Dispose()"/> or the finalizer. Appending to a
/// sequence with room allocates nothing.
/// </para>
/// <para>Calls that read may run at the same time; a call that changes the cache must be alone.</para>
/// </remarks>
public abstract unsafe class KvCache : IDisposable
{
    /// <summary>Far from where positions would overflow.</summary>
    private const int MaxLength = 1 << 30;

    private readonly Dictionary<int, CacheSequence> _sequences = [];
    private readonly int _threads;
    private readonly Simd.SimdWidth _width;
    private CacheSequence[] _batch = [];
    private int _nextId;
    private bool _isDisposed;

    private protected KvCache(KvCacheOptions options)
    {
        CacheCheck.Options(options);
        Storage = options.Storage;
        Layout = new CacheLayout(
            options.KeyValueHeads, options.HeadSize, options.ValueSize == 0 ? options.HeadSize : options.ValueSize, CacheCheck.BytesOf(options.Storage));
        _threads = options.MaxDegreeOfParallelism;
        _width = options.Width;
    }

    /// <summary>Heads of keys and values.</summary>
    public int KeyValueHeads => Layout.KeyValueHeads;

    /// <summary>The size of a key.</summary>
    public int HeadSize => Layout.HeadSize;

    /// <summary>The size of a value.</summary>
    public int ValueSize => Layout.ValueSize;

    /// <summary>How numbers are stored.</summary>
    public KvStorage Storage { get; }

    /// <summary>Sequences that have been added and not freed.</summary>
    public int SequenceCount => _sequences.Count;

    /// <summary>Bytes that a token takes, all heads together: keys, values (rounded up to 16 numbers) and scales.</summary>
    public double BytesPerToken => (double)Layout.TileBytes * KeyValueHeads / CacheLayout.Tokens;

    /// <summary>Bytes of native memory that the cache holds now, in use or not.</summary>
    public abstract long AllocatedBytes { get; }

    /// <summary>What every query sees at most; the default value for all keys.</summary>
    public virtual KeyWindow Window => default;

    internal CacheLayout Layout { get; }

    private protected IEnumerable<CacheSequence> Sequences => _sequences.Values;

    /// <summary>Starts a sequence without tokens.</summary>
    /// <returns>Its number.</returns>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public int Add()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        CacheSequence sequence = Start(_nextId);
        _sequences.Add(_nextId, sequence);
        return _nextId++;
    }

    /// <summary>Starts a sequence with the tokens of another one; from then on they have nothing to do with each other.</summary>
    /// <param name="sequence">The number of the other one.</param>
    /// <returns>The new number.</returns>
    /// <exception cref="ArgumentException"><paramref name="sequence"/> is not in the cache.</exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public int Fork(int sequence)
    {
        CacheSequence source = Find(sequence, nameof(sequence));
        CacheSequence target = Start(_nextId);
        try
        {
            Copy(source, target);
        }
        catch
        {
            target.Dispose();
            throw;
        }

        _sequences.Add(_nextId, target);
        return _nextId++;
    }

    /// <summary>Ends a sequence; its number is never valid again.</summary>
    /// <param name="sequence">Its number.</param>
    /// <exception cref="ArgumentException"><paramref name="sequence"/> is not in the cache.</exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public void Free(int sequence)
    {
        CacheSequence found = Find(sequence, nameof(sequence));
        Cut(found, 0);
        _sequences.Remove(sequence);
        found.Dispose();
    }

    /// <summary>The tokens of a sequence.</summary>
    /// <param name="sequence">Its number.</param>
    /// <returns>How many there are, forgotten ones included.</returns>
    /// <exception cref="ArgumentException"><paramref name="sequence"/> is not in the cache.</exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public int Length(int sequence) => Find(sequence, nameof(sequence)).Length;

    /// <summary>Whether a sequence is in the cache.</summary>
    /// <param name="sequence">Its number.</param>
    /// <returns>True from <see cref="Add"/> to <see cref="Free"/>.</returns>
    public bool Contains(int sequence) => _sequences.ContainsKey(sequence);

    /// <summary>Takes back the last tokens of a sequence, such as those that speculative decoding guessed wrong.</summary>
    /// <param name="sequence">Its number.</param>
    /// <param name="length">The tokens to keep.</param>
    /// <exception cref="ArgumentException"><paramref name="sequence"/> is not in the cache.</exception>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="length"/> is negative or more than there are, or tokens that the next one would see were forgotten.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public void Trim(int sequence, int length)
    {
        CacheSequence found = Find(sequence, nameof(sequence));
        if (length < 0 || length > found.Length)
        {
            Throw.OutOfRange(nameof(length), length, $"'{nameof(length)}' is {length}; sequence {sequence} has {found.Length} tokens to keep.");
        }

        // The next token stands at position 'length'.
        if (length < found.Length && FirstPosition(found, length) > FirstSeen(length))
        {
            Throw.OutOfRange(
                nameof(length), length,
                $"'{nameof(length)}' is {length}; the tokens before {FirstPosition(found, length)} of sequence {sequence} are forgotten, and a window there would need them from {FirstSeen(length)} on.");
        }

        if (length < found.Length)
        {
            Cut(found, length);
        }
    }

    /// <summary>Adds tokens to the ends of sequences.</summary>
    /// <param name="sequences">Their numbers, one for each batch element, none twice.</param>
    /// <param name="key">The keys, <c>[batch, keyValueHeads, newTokens, headSize]</c>, copied.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, newTokens, valueSize]</c>, copied.</param>
    /// <param name="newLengths">How many of the new tokens, from the first on, each batch element has; empty for all of them.</param>
    /// <exception cref="ArgumentException">
    /// A shape or stride is not as said, a sequence is not in the cache or named twice, or a length is not in [0, newTokens]; nothing
    /// has changed.
    /// </exception>
    /// <exception cref="OutOfPagesException">A paged cache has too few free pages; nothing has changed.</exception>
    /// <exception cref="ObjectDisposedException">The cache was disposed.</exception>
    public void Append(
        ReadOnlySpan<int> sequences, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, ReadOnlySpan<int> newLengths = default)
    {
        int batch = CacheCheck.Inputs(this, sequences.Length, key, value, newLengths);
        int newTokens = (int)key.Lengths[2];
        if (_batch.Length < batch)
        {
            _batch = new CacheSequence[batch];
        }

        for (int i = 0; i < batch; i++)
        {
            _batch[i] = Find(sequences[i], nameof(sequences));
            int count = newLengths.IsEmpty ? newTokens : newLengths[i];
            if (count > MaxLength - _batch[i].Length)
            {
                Throw.Argument(nameof(key), $"'{nameof(key)}' brings {count} tokens to the {_batch[i].Length} of sequence {sequences[i]}; it may have {MaxLength}.");
            }
        }

        CacheCheck.Distinct(sequences, nameof(sequences));
        Reserve(_batch.AsSpan(0, batch), newTokens, newLengths);
        fixed (float* keyAddress = key, valueAddress = value)
        {
            Store(batch, newTokens, newLengths, Describe(key, keyAddress), Describe(value, valueAddress));
        }

        for (int i = 0; i < batch; i++)
        {
            _batch[i].Length += newLengths.IsEmpty ? newTokens : newLengths[i];
        }

        _batch.AsSpan(0, batch).Clear();
    }

    /// <summary>Frees the memory; every other call then throws.</summary>
    public void Dispose()
    {
        if (!_isDisposed)
        {
            _isDisposed = true;
            foreach (CacheSequence sequence in _sequences.Values)
            {
                sequence.Dispose();
            }

            _sequences.Clear();
            Dispose(true);
            GC.SuppressFinalize(this);
        }
    }

    /// <summary>Frees what a kind of cache has of its own.</summary>
    /// <param name="disposing">True: called by <see cref="Dispose()"/>.</param>
    protected virtual void Dispose(bool disposing)
    {
    }

    /// <summary>Describes sequences to the kernels, with the last <paramref name="counts"/> tokens of each as queries.</summary>
    internal void FillViews(ReadOnlySpan<int> sequences, int queryLength, ReadOnlySpan<int> counts, CacheView* views)
    {
        for (int i = 0; i < sequences.Length; i++)
        {
            views[i] = View(Find(sequences[i], nameof(sequences)), counts.IsEmpty ? queryLength : counts[i]);
        }
    }

    /// <summary>The position from which on nothing before <paramref name="end"/> is forgotten.</summary>
    internal virtual int FirstPosition(CacheSequence sequence, int end) => 0;

    internal CacheSequence Find(int sequence, string parameter)
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (!_sequences.TryGetValue(sequence, out CacheSequence? found))
        {
            ThrowUnknown(sequence, parameter);
        }

        return found;
    }

    /// <summary>The first position, the kept ones aside, that a query at <paramref name="position"/> sees.</summary>
    internal int FirstSeen(int position) => Window.Size == 0 ? 0 : Math.Max(0, position + 1 - Window.Size);

    private protected abstract CacheSequence Start(int id);

    /// <summary>Gives an empty sequence the tokens of another.</summary>
    private protected abstract void Copy(CacheSequence source, CacheSequence target);

    /// <summary>Keeps the first tokens only.</summary>
    private protected abstract void Cut(CacheSequence sequence, int length);

    /// <summary>Makes room for new tokens, or throws and changes nothing.</summary>
    private protected abstract void Reserve(ReadOnlySpan<CacheSequence> batch, int newTokens, ReadOnlySpan<int> newLengths);

    private protected abstract CacheView View(CacheSequence sequence, int count);

    private void Store(int batch, int newTokens, ReadOnlySpan<int> newLengths, in Operand key, in Operand value)
    {
        using Scratch.Rental rental = Scratch.Rent((nint)batch * sizeof(CacheView) / sizeof(float));
        CacheInput input = new() { Layout = Layout, Views = (CacheView*)rental.Memory, Batch = batch, Key = key, Value = value };
        long tokens = 0;
        for (int i = 0; i < batch; i++)
        {
            int count = newLengths.IsEmpty ? newTokens : newLengths[i];
            input.Views[i] = View(_batch[i], count);
            tokens += count;
        }

        // A thread is worth waking for some tiles, not for a single token.
        bool isSmall = tokens * KeyValueHeads < 16 * CacheLayout.Tokens;
        CacheStorePass.Run(input, _width, isSmall ? 1 : WorkerTeam.Threads(_threads));
    }

    private static Operand Describe(in ReadOnlyTensorSpan<float> tensor, float* address) => new()
    {
        Address = address,
        BatchStride = tensor.Strides[0],
        HeadStride = tensor.Strides[1],
        RowStride = tensor.Strides[2],
    };

    [DoesNotReturn]
    private void ThrowUnknown(int sequence, string parameter) => Throw.Argument(
        parameter,
        (uint)sequence < (uint)_nextId
            ? $"'{parameter}' names sequence {sequence}, which was freed."
            : $"'{parameter}' names sequence {sequence}, which this cache never had.");
}
