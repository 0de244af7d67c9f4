using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Up to six query rows of one key head against one piece of its keys: scores = Q K^T, softmax, output = weights V, left as a
/// partial result for each row. What is done for a row depends on its own position alone: rows share what they load.
/// </summary>
/// <remarks>
/// No token is looked at that its query does not see: slots behind the end of a sequence, or of what a query may see, hold
/// numbers of another time. Keys of such slots reach a score, which is then hidden; their values are not loaded.
/// </remarks>
internal unsafe ref struct CacheStrip<TSimd, TVector, TStorage, TModifier>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TStorage : struct, ICacheStorage
    where TModifier : struct, IScoreModifier
{
    private readonly ref readonly CacheProblem _problem;
    private readonly ref readonly TModifier _modifier;
    private readonly float* _scores;
    private readonly int _rowStride;

    private TileList _tiles;
    private RowKeys _keys;
    private IndexRange _piece;
    private int _batch;
    private int _keyHead;
    private int _firstRow;
    private int _rows;

    internal CacheStrip(in CacheProblem problem, in TModifier modifier, float* scratch, int rowStride)
    {
        _problem = ref problem;
        _modifier = ref modifier;
        _rowStride = rowStride;
        _scores = scratch;
        Partials = scratch + CachePlan.StripRows * CachePlan.ScoreStride;
    }

    /// <summary>Where the partial results of the rows are left.</summary>
    internal float* Partials { get; }

    /// <summary>Floats of scratch that a strip needs.</summary>
    internal static nint ScratchSize(int rowStride) => CachePlan.StripRows * ((nint)CachePlan.ScoreStride + rowStride);

    /// <summary>Packs queries, times the factor that is not folded into the exponential, as <c>[rows, headSize]</c>.</summary>
    internal static void PackQueries(in CacheProblem problem, int batch, int keyHead, int firstRow, int rows, float* queries)
    {
        int size = problem.Layout.HeadSize;
        for (int row = firstRow; row < firstRow + rows; row++, queries += size)
        {
            Packing.Compact<TSimd, TVector>(problem.QueryRow(batch, keyHead, row), 0, 1, 1, size, problem.QueryFactor, queries, size);
        }
    }

    /// <summary>Computes the partial results of <paramref name="rows"/> rows from <paramref name="firstRow"/> on.</summary>
    /// <param name="batch">The batch element.</param>
    /// <param name="keyHead">The key head.</param>
    /// <param name="firstRow">The first row.</param>
    /// <param name="rows">One to six rows.</param>
    /// <param name="piece">The piece.</param>
    /// <param name="queries">The packed queries, with room for six rows.</param>
    internal void Process(int batch, int keyHead, int firstRow, int rows, int piece, float* queries)
    {
        _batch = batch;
        _keyHead = keyHead;
        _firstRow = firstRow;
        _rows = rows;
        int start = piece * CachePlan.PieceKeys;
        _piece = new IndexRange(start, Math.Min(start + CachePlan.PieceKeys, _problem.Views[batch].Length));
        for (int row = 0; row < rows; row++)
        {
            CachePartial.Clear<TSimd, TVector>(Partials + row * _rowStride, _rowStride);
        }

        if (!FindTiles())
        {
            return;
        }

        if (rows == 1)
        {
            Process<OneRow>(queries);
        }
        else if (rows == 2)
        {
            Process<TwoRows>(queries);
        }
        else if (rows <= 4)
        {
            Process<FourRows>(queries);
        }
        else
        {
            Process<SixRows>(queries);
        }
    }

    private void Process<TRows>(float* queries)
        where TRows : struct, IRowCount
    {
        ComputeScores<TRows>(queries);
        byte* firstValues = _tiles.Address(0) + _problem.Layout.ValueOffset;
        int share = (int)(_problem.Layout.ScaleOffset - _problem.Layout.ValueOffset) / _rows;
        for (int row = 0; row < _rows; row++)
        {
            if (CacheKernel.AsksAhead<TRows>())
            {
                // Memory would stand idle while a row's exponentials are computed.
                CacheKernel.Ahead(firstValues + row * share, share);
            }

            Softmax(row);
        }

        AddValues<TRows>();
    }

    /// <summary>The tiles of the piece that some row sees, and what each row sees; says whether there is any.</summary>
    private bool FindTiles()
    {
        IndexRange kept = default;
        IndexRange run = default;
        for (int row = 0; row < _rows; row++)
        {
            CacheKeys keys = CacheKeys.At(_problem.PositionOf(_batch, _firstRow + row), _problem.Window, _problem.Kept).In(_piece);
            _keys[row] = keys;
            kept = Hull(kept, keys.Kept);
            run = Hull(run, keys.Run);
        }

        _tiles.Clear();
        _tiles.Add(kept, _problem, _batch, _keyHead, _piece.Start);
        _tiles.Add(run, _problem, _batch, _keyHead, _piece.Start);
        return _tiles.Count > 0;
    }

    /// <summary>Products of all rows with all keys of the tiles, two vectors at a time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ComputeScores<TRows>(float* queries)
        where TRows : struct, IRowCount
    {
        int size = _problem.Layout.HeadSize;
        int step = TSimd.Count == CacheLayout.Tokens ? 2 : 1;
        byte* firstValues = _tiles.Address(0) + _problem.Layout.ValueOffset;
        for (int i = 0; i < _tiles.Count; i += step)
        {
            byte* tile = _tiles.Address(i);
            byte* next = i + step < _tiles.Count ? _tiles.Address(i + step) : firstValues;
            float* scores = _scores + _tiles.Column(i);
            if (step == 2)
            {
                // An odd tile at the end is done twice, to the same effect, rather than by another kernel.
                int other = Math.Min(i + 1, _tiles.Count - 1);
                byte* nextOther = _tiles.Address(Math.Min(i + 3, _tiles.Count - 1));
                CacheKernel.Scores<TSimd, TVector, TStorage, TRows>(
                    queries, size, tile, _tiles.Address(other), size, scores, _scores + _tiles.Column(other), CachePlan.ScoreStride, next, nextOther);
                continue;
            }

            for (int token = 0; token < CacheLayout.Tokens; token += 2 * TSimd.Count)
            {
                byte* left = tile + token * TStorage.Bytes;
                CacheKernel.Scores<TSimd, TVector, TStorage, TRows>(
                    queries, size, left, left + TSimd.Count * TStorage.Bytes, size,
                    scores + token, scores + token + TSimd.Count, CachePlan.ScoreStride, next, next);
            }
        }
    }

    /// <summary>Products of one row become weights; maximum (as a natural score) and sum go to the partial result.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Softmax(int row)
    {
        CacheKeys keys = _keys[row];
        if (keys.IsEmpty)
        {
            return;
        }

        float* scores = _scores + row * CachePlan.ScoreStride;
        IndexRange first = WholeTiles(keys.Kept);
        IndexRange second = WholeTiles(keys.Run);
        if (first.End > second.Start && !second.IsEmpty)
        {
            // One stretch: the two share a tile, or there is only the second.
            second = Hull(first, second);
            first = default;
        }

        float max = Prepare(row, scores, first, float.NegativeInfinity);
        max = Prepare(row, scores, second, max);
        float shift = max == float.NegativeInfinity ? 0 : max;
        float factor = typeof(TModifier) == typeof(NoModifier) ? _problem.PositiveScale : 1;
        float log2Factor = factor * VectorMath.Log2E;
        TVector sums = ScoreRow.Exponentiate<TSimd, TVector>(scores, first.Start, first.End, shift, log2Factor, TSimd.Zero);
        sums = ScoreRow.Exponentiate<TSimd, TVector>(scores, second.Start, second.End, shift, log2Factor, sums);
        float* partial = Partials + row * _rowStride;
        partial[0] = max * factor;
        partial[1] = TSimd.Sum(sums);
        if (TStorage.IsScaled)
        {
            Scale(scores, Hull(first, second), values: true);
        }
    }

    /// <summary>A stretch of products of one row becomes scores, hidden where the row does not see; the larger of their maximum and the floor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private float Prepare(int row, float* scores, IndexRange stretch, float floor)
    {
        if (stretch.IsEmpty)
        {
            return floor;
        }

        if (TStorage.IsScaled)
        {
            Scale(scores, stretch, values: false);
        }

        if (typeof(TModifier) != typeof(NoModifier))
        {
            ScoreRow.Transform<TSimd, TVector, TModifier>(
                scores, stretch, stretch.End, _problem.PositiveScale, _modifier, null, 0, 0,
                _batch, _problem.HeadOf(_keyHead, _firstRow + row), _problem.PositionOf(_batch, _firstRow + row), _piece.Start);
        }

        int hidden = stretch.Start;
        IndexRange kept = _keys[row].Kept.Intersect(stretch);
        if (!kept.IsEmpty)
        {
            ScoreRow.Hide(scores, hidden, kept.Start);
            hidden = kept.End;
        }

        IndexRange run = _keys[row].Run.Intersect(stretch);
        if (!run.IsEmpty)
        {
            ScoreRow.Hide(scores, hidden, run.Start);
            hidden = run.End;
        }

        ScoreRow.Hide(scores, hidden, stretch.End);
        return ScoreRow.Max<TSimd, TVector>(scores, stretch.Start, stretch.End, floor);
    }

    /// <summary>
    /// Multiplies by the scales of keys or values, once a token rather than once a number: products with a scaled row are scaled
    /// products, and a scaled value with a weight is a value with a scaled weight.
    /// </summary>
    private void Scale(float* scores, IndexRange stretch, bool values)
    {
        for (int i = 0; i < _tiles.Count; i++)
        {
            int column = _tiles.Column(i);
            if (stretch.Contains(column))
            {
                byte* tile = _tiles.Address(i);
                float* scales = values ? _problem.Layout.ValueScales(tile) : _problem.Layout.KeyScales(tile);
                ScoreRow.Multiply<TSimd, TVector>(scores + column, scales, CacheLayout.Tokens);
            }
        }
    }

    /// <summary>Weighted sums of values, tile after tile: together where all rows see all of a tile, else row by row.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void AddValues<TRows>()
        where TRows : struct, IRowCount
    {
        bool alike = true;
        IndexRange common = _keys[0].Run;
        for (int row = 1; row < _rows; row++)
        {
            alike &= _keys[row] == _keys[0];
            common = common.Intersect(_keys[row].Run);
        }

        byte* nextKeys = _piece.End < _problem.Views[_batch].Length
            ? _problem.Views[_batch].Tile(_keyHead, _piece.End / CacheLayout.Tokens, _problem.Layout.TileBytes)
            : _tiles.Address(0);
        for (int i = 0; i < _tiles.Count; i++)
        {
            int column = _tiles.Column(i);
            IndexRange tokens = new(column, column + CacheLayout.Tokens);
            byte* values = _tiles.Address(i) + _problem.Layout.ValueOffset;
            byte* next = i + 1 < _tiles.Count ? _tiles.Address(i + 1) + _problem.Layout.ValueOffset : nextKeys;
            if (common.Contains(tokens))
            {
                Add<TRows>(0, tokens, values, column, next);
            }
            else if (alike)
            {
                Add<TRows>(0, _keys[0].Kept.Intersect(tokens), values, column, next);
                Add<TRows>(0, _keys[0].Run.Intersect(tokens), values, column, next);
            }
            else
            {
                for (int row = 0; row < _rows; row++)
                {
                    Add<OneRow>(row, _keys[row].Kept.Intersect(tokens), values, column, next);
                    Add<OneRow>(row, _keys[row].Run.Intersect(tokens), values, column, next);
                }
            }
        }
    }

    /// <summary>The values of some tokens of the tile that starts at a column.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Add<TRows>(int row, IndexRange tokens, byte* values, int column, byte* next)
        where TRows : struct, IRowCount
    {
        if (!tokens.IsEmpty)
        {
            int stride = _problem.Layout.ValueStride;
            CacheValues.Accumulate<TSimd, TVector, TStorage, TRows>(
                _scores + row * CachePlan.ScoreStride + tokens.Start, CachePlan.ScoreStride,
                values + (nint)(tokens.Start - column) * stride * TStorage.Bytes, stride, tokens.Length,
                Partials + row * _rowStride + CachePlan.Header, _rowStride, next);
        }
    }

    private static IndexRange WholeTiles(IndexRange columns) => columns.IsEmpty
        ? default
        : new IndexRange(columns.Start / CacheLayout.Tokens * CacheLayout.Tokens, TilePlan.RoundUp(columns.End, CacheLayout.Tokens));

    private static IndexRange Hull(IndexRange left, IndexRange right) =>
        left.IsEmpty ? right
        : right.IsEmpty ? left
        : new IndexRange(Math.Min(left.Start, right.Start), Math.Max(left.End, right.End));

    [InlineArray(CachePlan.StripRows)]
    private struct RowKeys
    {
        private CacheKeys _first;
    }
}
