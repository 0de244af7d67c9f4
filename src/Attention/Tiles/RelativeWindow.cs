using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// The rows of a table that a tile of queries and keys reads, and the way between a row of keys and a row of table entries.
/// Along the keys of one query the entry stays at the first row, then runs with the key, then stays at the last row, so that
/// nothing is looked up one by one.
/// </summary>
internal readonly unsafe struct RelativeWindow
{
    private readonly IndexRange _keys;
    private readonly long _shift;
    private readonly int _last;

    /// <summary>The window of a tile that has at least one query and one key.</summary>
    internal RelativeWindow(in RelativeProblem problem, IndexRange queries, IndexRange keys)
    {
        _keys = keys;
        _shift = problem.Shift;
        _last = problem.TableRows - 1;
        First = (int)Math.Clamp(keys.Start - (queries.End - 1) + _shift, 0, _last);
        Count = (int)Math.Clamp(keys.End - 1 - queries.Start + _shift, 0, _last) - First + 1;
    }

    /// <summary>The first row of the table that is read.</summary>
    internal int First { get; }

    /// <summary>How many are read: fewer than queries and keys together.</summary>
    internal int Count { get; }

    /// <summary>Adds to each key's number the entry of its distance.</summary>
    /// <param name="entries">One number for each row of the window.</param>
    /// <param name="row">One number for each key, added to.</param>
    /// <param name="query">The query.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void AddEntries<TSimd, TVector>(float* entries, float* row, int query)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        Cut(query, out int left, out int right, out long middle);
        if (left > 0)
        {
            RowOperations.AddNumber<TSimd, TVector>(entries[-First], row, left);
        }

        RowOperations.Add<TSimd, TVector>(entries + middle + left, row + left, right - left);
        if (right < _keys.Length)
        {
            RowOperations.AddNumber<TSimd, TVector>(entries[_last - First], row + right, _keys.Length - right);
        }
    }

    /// <summary>Sums the numbers of the keys by the row of the window that they read.</summary>
    /// <param name="row">One number for each key.</param>
    /// <param name="entries">Overwritten: one sum for each row of the window.</param>
    /// <param name="query">The query.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal void SumEntries<TSimd, TVector>(float* row, float* entries, int query)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        Cut(query, out int left, out int right, out long middle);
        RowOperations.Clear(entries, Count);
        new ReadOnlySpan<float>(row + left, right - left).CopyTo(new Span<float>(entries + middle + left, right - left));
        if (left > 0)
        {
            entries[-First] += Reductions.Sum<TSimd, TVector>(row, left);
        }

        if (right < _keys.Length)
        {
            entries[_last - First] += Reductions.Sum<TSimd, TVector>(row + right, _keys.Length - right);
        }
    }

    /// <summary>Columns before <paramref name="left"/> read the table's first row, those from <paramref name="right"/> on its last, any other column the entry <paramref name="middle"/> places further.</summary>
    private void Cut(int query, out int left, out int right, out long middle)
    {
        long start = query - _shift - _keys.Start;
        left = (int)Math.Clamp(start + 1, 0, _keys.Length);
        right = (int)Math.Clamp(start + _last, left, _keys.Length);
        middle = -start - First;
    }
}
