using System.Runtime.CompilerServices;

namespace Attention.Policies;

/// <summary>
/// Several documents in one row do not see each other: a query may attend to the keys that carry the same number.
/// </summary>
/// <remarks>
/// <para>
/// Numbers are compared for equality only; any order, gaps and negative numbers are fine, and padding is best given a
/// number that no query has. A query whose number no key has sees nothing: its output is 0 and its log-sum-exp negative
/// infinity.
/// </para>
/// <para>
/// Tiles are answered from runs of equal numbers, found once when the mask is built: in time proportional to the runs
/// that a tile of queries touches, usually one or two. Combine it with <see cref="CausalMask"/> for packed language
/// modelling: <c>new DocumentMask(documents).And(CausalMask.TopLeft)</c>.
/// </para>
/// <para>The default value was built for no length and fits no call.</para>
/// </remarks>
public readonly struct DocumentMask : IAttentionMask
{
    private readonly DocumentRun[] _queryRuns;
    private readonly int[] _queryRunOf;
    private readonly int[] _queryDocuments;
    private readonly int[] _keyDocuments;
    private readonly int[] _keyRunEnds;
    private readonly int _rows;
    private readonly int _queryLength;
    private readonly int _keyLength;

    /// <summary>Self-attention: queries and keys are the same tokens.</summary>
    /// <param name="documents">
    /// The document of each token, shape <c>[rows, length]</c>, row after row; copied.
    /// </param>
    /// <param name="rows">The batch size, or 1 to use one row for every batch element.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rows"/> is not positive.</exception>
    /// <exception cref="ArgumentException">The documents do not divide into <paramref name="rows"/> rows.</exception>
    public DocumentMask(ReadOnlySpan<int> documents, int rows = 1)
        : this(CopyRows(documents, rows, nameof(documents)), null, rows)
    {
    }

    /// <summary>Cross-attention, or queries that are only the last tokens.</summary>
    /// <param name="queryDocuments">The document of each query, shape <c>[rows, queryLength]</c>, row after row; copied.</param>
    /// <param name="keyDocuments">The document of each key, shape <c>[rows, keyLength]</c>, row after row; copied.</param>
    /// <param name="rows">The batch size, or 1 to use one row for every batch element.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="rows"/> is not positive.</exception>
    /// <exception cref="ArgumentException">The documents do not divide into <paramref name="rows"/> rows.</exception>
    public DocumentMask(ReadOnlySpan<int> queryDocuments, ReadOnlySpan<int> keyDocuments, int rows = 1)
        : this(CopyRows(queryDocuments, rows, nameof(queryDocuments)), CopyRows(keyDocuments, rows, nameof(keyDocuments)), rows)
    {
    }

    private DocumentMask(int[] queryDocuments, int[]? keyDocuments, int rows)
    {
        _rows = rows;
        _queryDocuments = queryDocuments;
        _keyDocuments = keyDocuments ?? queryDocuments;
        _queryLength = _queryDocuments.Length / rows;
        _keyLength = _keyDocuments.Length / rows;
        _keyRunEnds = new int[_keyDocuments.Length];
        _queryRunOf = new int[_queryDocuments.Length];
        List<DocumentRun> runs = [];
        for (int row = 0; row < rows; row++)
        {
            ReadOnlySpan<int> keys = _keyDocuments.AsSpan(row * _keyLength, _keyLength);
            FillRunEnds(keys, _keyRunEnds.AsSpan(row * _keyLength, _keyLength));
            ReadOnlySpan<int> queries = _queryDocuments.AsSpan(row * _queryLength, _queryLength);
            AppendRuns(queries, Hulls(keys), _queryRunOf.AsSpan(row * _queryLength, _queryLength), runs);
        }

        _queryRuns = [.. runs];
    }

    /// <inheritdoc/>
    public static void CheckCall<TMask>(in TMask mask, int batch, int heads, int queryLength, int keyLength)
        where TMask : struct, IAttentionMask
    {
        ref readonly DocumentMask self = ref Self.Of<TMask, DocumentMask>(in mask);
        if ((self._rows != 1 && self._rows != batch) || self._queryLength != queryLength || self._keyLength != keyLength)
        {
            throw new ArgumentException(
                $"'{nameof(mask)}' has documents for {self._rows} rows of {self._queryLength} queries and {self._keyLength} keys; "
                + $"the call needs 1 or {batch} rows of {queryLength} queries and {keyLength} keys.",
                nameof(mask));
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool Allows(int batch, int head, int query, int key)
    {
        int row = Row(batch);
        return _queryDocuments[(row * _queryLength) + query] == _keyDocuments[(row * _keyLength) + key];
    }

    /// <inheritdoc/>
    public TileCoverage Cover(int batch, int head, IndexRange queries, IndexRange keys)
    {
        int row = Row(batch);
        int firstQuery = row * _queryLength;
        int firstKey = row * _keyLength;
        DocumentRun run = _queryRuns[_queryRunOf[firstQuery + queries.Start]];
        if (run.End >= queries.End && _keyRunEnds[firstKey + keys.Start] >= keys.End)
        {
            return run.Document == _keyDocuments[firstKey + keys.Start] ? TileCoverage.Full : TileCoverage.None;
        }

        for (int query = queries.Start; query < queries.End; query = run.End)
        {
            run = _queryRuns[_queryRunOf[firstQuery + query]];
            if (!run.Keys.Intersect(keys).IsEmpty)
            {
                return TileCoverage.Mixed;
            }
        }

        return TileCoverage.None;
    }

    /// <inheritdoc/>
    public IndexRange KeyBounds(int batch, int head, IndexRange queries, int keyLength)
    {
        int firstQuery = Row(batch) * _queryLength;
        IndexRange bounds = IndexRange.Empty;
        for (int query = queries.Start; query < queries.End;)
        {
            DocumentRun run = _queryRuns[_queryRunOf[firstQuery + query]];
            bounds = Runs.Hull(bounds, run.Keys);
            query = run.End;
        }

        return Runs.Cut(bounds.Start, bounds.End, keyLength);
    }

    private static int[] CopyRows(ReadOnlySpan<int> documents, int rows, string name)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rows);
        return documents.Length % rows == 0
            ? documents.ToArray()
            : throw new ArgumentException(
                $"'{name}' has {documents.Length} elements, which do not divide into {rows} rows of equal length.", name);
    }

    private static void FillRunEnds(ReadOnlySpan<int> documents, Span<int> ends)
    {
        int end = documents.Length;
        for (int index = documents.Length - 1; index >= 0; index--)
        {
            if (index + 1 < documents.Length && documents[index] != documents[index + 1])
            {
                end = index + 1;
            }

            ends[index] = end;
        }
    }

    private static Dictionary<int, IndexRange> Hulls(ReadOnlySpan<int> documents)
    {
        Dictionary<int, IndexRange> hulls = [];
        for (int index = 0; index < documents.Length; index++)
        {
            IndexRange before = hulls.GetValueOrDefault(documents[index]);
            hulls[documents[index]] = Runs.Hull(before, new IndexRange(index, index + 1));
        }

        return hulls;
    }

    private static void AppendRuns(
        ReadOnlySpan<int> documents, Dictionary<int, IndexRange> keys, Span<int> runOf, List<DocumentRun> runs)
    {
        int start = 0;
        while (start < documents.Length)
        {
            int document = documents[start];
            int end = start + 1;
            while (end < documents.Length && documents[end] == document)
            {
                end++;
            }

            runOf[start..end].Fill(runs.Count);
            runs.Add(new DocumentRun(document, end, keys.GetValueOrDefault(document)));
            start = end;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int Row(int batch) => _rows == 1 ? 0 : batch;
}
