using System.Runtime.CompilerServices;
using Attention.Numerics;
using Attention.Policies;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Up to 32 queries of one head against one block of keys at a time: in go rows of queries and keys, out come their scores
/// <c>sum scoreVector[k] tanh(query[k] + key[k])</c>, those of hidden pairs negative infinity.
/// </summary>
/// <remarks>
/// The block is packed transposed, [hidden, key], so that vectors run along keys and every score is one chain of multiply-adds down the
/// hidden units: no sums across lanes, and the same bits at whatever place of a tile. A tanh is some fifteen operations, so
/// packing, one in 32 x 15, does not show.
/// </remarks>
internal unsafe struct AdditiveTile<TSimd, TVector, TMask>
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
    where TMask : struct, IAttentionMask
{
    /// <summary>Queries of a tile.</summary>
    internal const int MostRows = 32;

    /// <summary>Floats of a block of packed keys: 128 KB, a quarter of the smallest second-level cache.</summary>
    private const int BlockFloats = 32 * 1024;

    /// <summary>Vectors that are computed side by side: their chains hide each other's latency and share what is spread over lanes.</summary>
    private const int PanelVectors = 4;

    internal readonly WorkItem Item;

    /// <summary>Distances between packed rows of keys, an odd number of cache lines, and between rows of scores.</summary>
    internal readonly int KeyStride;
    internal readonly int ScoreStride;

    /// <summary>The keys that any of the queries may attend to.</summary>
    internal readonly IndexRange Bounds;

    private readonly AdditiveProblem _problem;
    private readonly TMask _mask;
    private readonly int _blockKeys;

    /// <summary>The block: packed keys, [hidden, key].</summary>
    internal float* Keys;

    /// <summary>The scores, [query, key]; only those in <see cref="Ranges"/> are there.</summary>
    internal float* Scores;

    /// <summary>The columns of each row, whole vectors, outside of which nothing is allowed.</summary>
    internal IndexRange* Ranges;

    /// <summary>The keys of the block; the first is column 0.</summary>
    internal IndexRange Block;

    /// <summary>The columns of the block that any of the queries may attend to.</summary>
    internal IndexRange Used;

    internal AdditiveTile(in AdditiveProblem problem, in TMask mask, in WorkItem item)
    {
        _problem = problem;
        _mask = mask;
        Item = item;
        int keyLength = problem.Attention.KeyLength;
        _blockKeys = BlockKeys(problem.Attention.HeadSize);
        ScoreStride = TilePlan.RoundUp(Math.Min(_blockKeys, keyLength), ScoreRow.CacheLine);
        KeyStride = (ScoreStride / ScoreRow.CacheLine | 1) * ScoreRow.CacheLine;
        Bounds = mask.KeyBounds(item.Batch, item.Head, item.Queries, keyLength).Intersect(new IndexRange(0, keyLength));
    }

    /// <summary>Floats of one matrix of scores.</summary>
    internal readonly nint ScoreFloats => (nint)MostRows * ScoreStride;

    /// <summary>What <see cref="Place"/> takes.</summary>
    internal readonly nint Floats => (nint)_problem.Attention.HeadSize * KeyStride + ScoreFloats + 2 * MostRows;

    /// <summary>The number of the first block that is needed.</summary>
    internal readonly int FirstBlock => Bounds.Start / _blockKeys;

    /// <summary>One past the number of the last block that is needed.</summary>
    internal readonly int EndBlock => Bounds.IsEmpty ? FirstBlock : (Bounds.End - 1) / _blockKeys + 1;

    /// <summary>Keys of a block: whole vectors of every width, and a number that follows from the hidden size alone.</summary>
    internal static int BlockKeys(int hiddenSize) => Math.Clamp(BlockFloats / hiddenSize / 64 * 64, 64, 512);

    /// <summary>Lays the tile out in memory; returns what lies behind it.</summary>
    internal float* Place(float* memory)
    {
        Keys = memory;
        Scores = Keys + (nint)_problem.Attention.HeadSize * KeyStride;
        Ranges = (IndexRange*)(Scores + ScoreFloats);
        return (float*)(Ranges + MostRows);
    }

    /// <summary>Makes a block the one at hand: <see cref="Block"/> and <see cref="Used"/> are its own from here on.</summary>
    internal void Enter(int number)
    {
        Block = new IndexRange(number * _blockKeys, Math.Min((number + 1) * _blockKeys, _problem.Attention.KeyLength));
        IndexRange used = Block.Intersect(Bounds);
        Used = new IndexRange(used.Start - Block.Start, used.End - Block.Start);
    }

    /// <summary>Computes the scores of a block.</summary>
    /// <param name="number">Its number.</param>
    /// <returns>Whether any pair of it is allowed; if not, nothing was computed.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal bool Compute(int number)
    {
        Enter(number);
        TileCoverage coverage = Used.IsEmpty
            ? TileCoverage.None
            : _mask.Cover(Item.Batch, Item.Head, Item.Queries, new IndexRange(Block.Start + Used.Start, Block.Start + Used.End));
        if (coverage == TileCoverage.None)
        {
            return false;
        }

        bool isFull = coverage == TileCoverage.Full;
        for (int row = 0; row < Item.Queries.Length; row++)
        {
            Ranges[row] = Vectors(isFull ? Used : ColumnsOf(Item.Queries.Start + row));
        }

        PackKeys();
        int panel = PanelVectors * TSimd.Count;
        IndexRange all = Vectors(Used);
        for (int first = all.Start / panel * panel; first < all.End; first += panel)
        {
            for (int row = 0; row < Item.Queries.Length; row++)
            {
                ComputePanel(row, Ranges[row].Intersect(new IndexRange(first, first + panel)));
            }
        }

        for (int row = 0; row < Item.Queries.Length; row++)
        {
            Hide(row, isFull);
        }

        return true;
    }

    /// <summary>Copies the scores of the block to their places in rows of all keys; what is not there is left as it is.</summary>
    internal readonly void CopyScores(in Operand destination)
    {
        for (int row = 0; row < Item.Queries.Length; row++)
        {
            IndexRange columns = Ranges[row].Intersect(Used);
            new ReadOnlySpan<float>(Scores + (nint)row * ScoreStride + columns.Start, columns.Length).CopyTo(
                new Span<float>(destination.At(Item.Batch, Item.Head, Item.Queries.Start + row) + Block.Start + columns.Start, columns.Length));
        }
    }

    /// <summary>Clears what a mask hides in a row that is NaN as a whole: that must not reach the gradients of hidden keys.</summary>
    internal readonly void ClearHidden(float* row, int query)
    {
        for (int column = 0; column < Block.Length; column++)
        {
            row[column] = _mask.Allows(Item.Batch, Item.Head, query, Block.Start + column) ? row[column] : 0;
        }
    }

    /// <summary>The whole vectors in which some columns lie.</summary>
    internal static IndexRange Vectors(IndexRange columns) => columns.IsEmpty
        ? IndexRange.Empty
        : new IndexRange(columns.Start / TSimd.Count * TSimd.Count, TilePlan.RoundUp(columns.End, TSimd.Count));

    /// <summary>The columns that a query may attend to, as far as its mask can say without being asked for every pair.</summary>
    private readonly IndexRange ColumnsOf(int query)
    {
        IndexRange keys = _mask.KeyBounds(Item.Batch, Item.Head, new IndexRange(query, query + 1), _problem.Attention.KeyLength);
        return new IndexRange(keys.Start - Block.Start, keys.End - Block.Start).Intersect(Used);
    }

    /// <summary>Packs the used keys transposed; lanes beyond the last are zero.</summary>
    internal readonly void PackKeys()
    {
        ref readonly AttentionProblem attention = ref _problem.Attention;
        int size = attention.HeadSize;
        int end = TilePlan.RoundUp(Used.End, TSimd.Count);
        int column = Used.Start / TSimd.Count * TSimd.Count;
        float* source = attention.Key.At(Item.Batch, Item.Head / attention.GroupSize, Block.Start + column);
        nint stride = attention.Key.RowStride;
        for (; column + 4 <= Used.End; column += 4, source += 4 * stride)
        {
            Packing.TransposeFour(source, stride, size, Keys + column, KeyStride);
        }

        for (; column < end; column++, source += stride)
        {
            for (int unit = 0; unit < size; unit++)
            {
                Keys[(nint)unit * KeyStride + column] = column < Used.End ? source[unit] : 0;
            }
        }
    }

    private readonly void ComputePanel(int row, IndexRange columns)
    {
        ref readonly AttentionProblem attention = ref _problem.Attention;
        float* query = attention.Query.At(Item.Batch, Item.Head, Item.Queries.Start + row);
        float* scores = Scores + (nint)row * ScoreStride;
        if (columns.Length == PanelVectors * TSimd.Count)
        {
            ComputeFour(query, _problem.ScoreVector, attention.HeadSize, Keys + columns.Start, KeyStride, scores + columns.Start);
            return;
        }

        for (int column = columns.Start; column < columns.End; column += TSimd.Count)
        {
            ComputeOne(query, _problem.ScoreVector, attention.HeadSize, Keys + column, KeyStride, scores + column);
        }
    }

    /// <summary>Four vectors of scores of one query. Not inlined: in a caller's frame the loop runs out of registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeFour(float* query, float* scoreVector, int size, float* keys, nint keyStride, float* scores)
    {
        TVector sum0 = TSimd.Zero, sum1 = sum0, sum2 = sum0, sum3 = sum0;
        for (int unit = 0; unit < size; unit++, keys += keyStride)
        {
            TVector spread = TSimd.Create(query[unit]);
            TVector factor = TSimd.Create(scoreVector[unit]);
            sum0 = TSimd.MultiplyAdd(factor, Tanh(spread, keys), sum0);
            sum1 = TSimd.MultiplyAdd(factor, Tanh(spread, keys + TSimd.Count), sum1);
            sum2 = TSimd.MultiplyAdd(factor, Tanh(spread, keys + 2 * TSimd.Count), sum2);
            sum3 = TSimd.MultiplyAdd(factor, Tanh(spread, keys + 3 * TSimd.Count), sum3);
        }

        TSimd.Store(sum0, scores);
        TSimd.Store(sum1, scores + TSimd.Count);
        TSimd.Store(sum2, scores + 2 * TSimd.Count);
        TSimd.Store(sum3, scores + 3 * TSimd.Count);
    }

    /// <summary>One vector: what is left over. The same chains, the same bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static void ComputeOne(float* query, float* scoreVector, int size, float* keys, nint keyStride, float* scores)
    {
        TVector sum = TSimd.Zero;
        for (int unit = 0; unit < size; unit++, keys += keyStride)
        {
            sum = TSimd.MultiplyAdd(TSimd.Create(scoreVector[unit]), Tanh(TSimd.Create(query[unit]), keys), sum);
        }

        TSimd.Store(sum, scores);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TVector Tanh(TVector query, float* keys) => RationalTanh.Compute<TSimd, TVector>(TSimd.Add(query, TSimd.Load(keys)));

    private readonly void Hide(int row, bool isFull)
    {
        IndexRange columns = Ranges[row];
        float* scores = Scores + (nint)row * ScoreStride;
        if (!isFull && TMask.IsInterval)
        {
            IndexRange allowed = ColumnsOf(Item.Queries.Start + row);
            ScoreRow.Hide(scores, columns.Start, Math.Min(allowed.Start, columns.End));
            ScoreRow.Hide(scores, Math.Max(allowed.End, columns.Start), columns.End);
        }
        else if (!isFull)
        {
            ScoreRow.HidePairs(
                scores, columns.Start, Math.Min(columns.End, Block.Length), _mask, Item.Batch, Item.Head, Item.Queries.Start + row, Block.Start);
        }

        ScoreRow.Hide(scores, columns.Start, Math.Min(Used.Start, columns.End));
        ScoreRow.Hide(scores, Math.Max(columns.Start, Used.End), columns.End);
    }
}
