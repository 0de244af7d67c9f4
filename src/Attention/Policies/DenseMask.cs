using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>A mask given element by element: <c>true</c> means that the query may attend to the key.</summary>
/// <remarks>
/// The tensor is copied into one bit per element when the mask is built, so later changes to it are not seen; tiles are
/// answered exactly, 64 keys at a time. A row without <c>true</c> has output 0 and log-sum-exp negative infinity. The
/// default value was built for no length and fits no call.
/// </remarks>
public readonly struct DenseMask : IAttentionMask
{
    private const int WordBits = 64;

    private readonly ulong[] _words;

    // Per row, the run from its first to its last true element.
    private readonly IndexRange[] _hulls;
    private readonly int _wordsPerRow;
    private readonly int _batchRows;
    private readonly int _headRows;
    private readonly int _queryRows;
    private readonly int _batch;
    private readonly int _heads;
    private readonly int _queryLength;
    private readonly int _keyLength;

    /// <summary>Copies <paramref name="allowed"/>.</summary>
    /// <param name="allowed">
    /// Shape <c>[batch, heads, queryLength, keyLength]</c>, any strides, <c>true</c> where the query may attend to the key. An
    /// axis of size 1 is broadcast and leading axes may be left out; an axis of any other size must be exactly that of the
    /// calls the mask is used for, which is checked at each call.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="allowed"/> has rank 0 or above 4, or an axis too long.</exception>
    public DenseMask(in ReadOnlyTensorSpan<bool> allowed)
    {
        if (allowed.Rank is 0 or > 4)
        {
            throw new ArgumentException($"'{nameof(allowed)}' has rank {allowed.Rank}; it must lie in [1, 4].", nameof(allowed));
        }

        Span<nint> lengths = [1, 1, 1, 1];
        Span<nint> strides = [0, 0, 0, 0];
        allowed.Lengths.CopyTo(lengths[^allowed.Rank..]);
        allowed.Strides.CopyTo(strides[^allowed.Rank..]);
        foreach (nint length in lengths)
        {
            if (length > Array.MaxLength)
            {
                throw new ArgumentException(
                    $"'{nameof(allowed)}' has an axis of {length}; the largest is {Array.MaxLength}.", nameof(allowed));
            }
        }

        _batch = (int)lengths[0];
        _heads = (int)lengths[1];
        _queryLength = (int)lengths[2];
        _keyLength = (int)lengths[3];
        _queryRows = _queryLength == 1 ? 0 : 1;
        _headRows = _heads == 1 ? 0 : _queryLength;
        _batchRows = _batch == 1 ? 0 : checked(_heads * _queryLength);
        _wordsPerRow = (_keyLength + WordBits - 1) / WordBits;
        int rows = checked(_batch * _heads * _queryLength);
        _words = new ulong[checked(rows * _wordsPerRow)];
        _hulls = new IndexRange[rows];
        if (_words.Length > 0)
        {
            Copy(in allowed.GetPinnableReference(), strides);
        }
    }

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask
    {
        ref readonly DenseMask self = ref Self.Of<TMask, DenseMask>(in mask);
        if (!Fits(self._batch, batch) || !Fits(self._heads, heads)
            || !Fits(self._queryLength, queryLength) || !Fits(self._keyLength, keyLength))
        {
            throw new ArgumentException(
                $"'{nameof(mask)}' has shape [{self._batch}, {self._heads}, {self._queryLength}, {self._keyLength}]; "
                + $"the call needs [{batch}, {heads}, {queryLength}, {keyLength}], where any axis may be 1.",
                nameof(mask));
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key)
    {
        int column = _keyLength == 1 ? 0 : key;
        ulong word = _words[(FirstRow(batch, head, query) * _wordsPerRow) + (column / WordBits)];
        return ((word >> (column % WordBits)) & 1) != 0;
    }

    /// <inheritdoc/>
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        IndexRange columns = _keyLength == 1 ? new IndexRange(0, 1) : keys;
        int row = FirstRow(batch, head, queries.Start);
        int end = row + ((queries.Length - 1) * _queryRows) + 1;
        int firstWord = columns.Start / WordBits;
        int lastWord = (columns.End - 1) / WordBits;
        ulong firstMask = ulong.MaxValue << (columns.Start % WordBits);
        ulong lastMask = ulong.MaxValue >> (WordBits - 1 - ((columns.End - 1) % WordBits));
        bool all = true;
        bool any = false;
        for (; row < end; row++)
        {
            for (int word = firstWord; word <= lastWord; word++)
            {
                ulong asked = (word == firstWord ? firstMask : ulong.MaxValue) & (word == lastWord ? lastMask : ulong.MaxValue);
                ulong found = _words[(row * _wordsPerRow) + word] & asked;
                all &= found == asked;
                any |= found != 0;
                if (any && !all)
                {
                    return TileCoverage.Mixed;
                }
            }
        }

        return all ? TileCoverage.Full : TileCoverage.None;
    }

    /// <inheritdoc/>
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        int row = FirstRow(batch, head, queries.Start);
        int end = row + ((queries.Length - 1) * _queryRows) + 1;
        IndexRange bounds = IndexRange.Empty;
        for (; row < end; row++)
        {
            bounds = Runs.Hull(bounds, _hulls[row]);
        }

        return bounds.IsEmpty ? bounds
            : _keyLength == 1 ? new IndexRange(0, keyLength)
            : Runs.Cut(bounds.Start, bounds.End, keyLength);
    }

    private static bool Fits(int own, int needed) => own == 1 || own == needed;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int FirstRow(int batch, int head, int query) => (batch * _batchRows) + (head * _headRows) + (query * _queryRows);

    private void Copy(ref readonly bool first, ReadOnlySpan<nint> strides)
    {
        int row = 0;
        for (int batch = 0; batch < _batch; batch++)
        {
            for (int head = 0; head < _heads; head++)
            {
                for (int query = 0; query < _queryLength; query++, row++)
                {
                    nint start = (batch * strides[0]) + (head * strides[1]) + (query * strides[2]);
                    CopyRow(ref Unsafe.Add(ref Unsafe.AsRef(in first), start), strides[3], row);
                }
            }
        }
    }

    private void CopyRow(ref bool first, nint stride, int row)
    {
        Span<ulong> words = _words.AsSpan(row * _wordsPerRow, _wordsPerRow);
        for (int key = 0; key < _keyLength; key++)
        {
            if (Unsafe.Add(ref first, key * stride))
            {
                words[key / WordBits] |= 1UL << (key % WordBits);
            }
        }

        int start = words.IndexOfAnyExcept(0UL);
        if (start >= 0)
        {
            int last = words.LastIndexOfAnyExcept(0UL);
            _hulls[row] = new IndexRange(
                (start * WordBits) + BitOperations.TrailingZeroCount(words[start]),
                (last * WordBits) + WordBits - BitOperations.LeadingZeroCount(words[last]));
        }
    }
}
