using Attention.Simd;

namespace Attention.Gemm;

/// <summary>
/// How one product is cut: into groups whose part of B is packed at once, the groups into pieces of C that threads take,
/// the pieces into blocks of depth. Only the cut of the depth touches the bits of the result, and it depends on the depth
/// and the vector width alone.
/// </summary>
internal readonly struct GemmPlan
{
    /// <summary>
    /// KC times NR: one panel of B over one block of depth, 32 KB. It flows through the first-level cache (32 KB and
    /// more) rather than resting in it: a tile needs one line of it every six cycles, which the second level gives
    /// easily, and the longer the depth, the fewer visits to C. Half of it measured slower.
    /// </summary>
    private const int PanelFloats = 8192;

    /// <summary>
    /// Bounds of KC: below, the tile of C is loaded and stored too often for the multiply-adds between; above, the panel
    /// of A (12 KB at 512) is in danger of leaving the first-level cache.
    /// </summary>
    private const int LeastDepthBlock = 256;
    private const int MostDepthBlock = 512;

    /// <summary>
    /// MC times KC: a block of A, 192 KB. While it is packed its source passes through the second-level cache too, and
    /// both fit the smallest in use on servers (512 KB on Zen 3; 1 MB on Zen 4, 1.25 MB and more on Intel).
    /// </summary>
    private const int BlockFloats = 96 * 512;

    /// <summary>The packed part of B: 8 MB, in the third-level cache where there is one of usual size, and a bound on memory.</summary>
    private const int GroupFloats = 2 << 20;

    /// <summary>Depth of a group, before columns: enough blocks that packing the group is worth a start of the team.</summary>
    private const int MostGroupDepth = 4096;

    /// <summary>Panels of A that must pass over a panel of B before packing B (about a third of their time) pays.</summary>
    private const int RightReuse = 3;

    /// <summary>Panels of B that must pass over a panel of A before packing A pays: its rows are read in order as they are.</summary>
    private const int LeftReuse = 8;

    /// <summary>
    /// Most rows for which a piece packs its own panels of B, one by one: no row block but one reads them, and a panel that
    /// goes straight from the first-level cache into the multiply-adds need not be written to memory and read again.
    /// </summary>
    private const int NarrowRows = 8 * MicroKernel.Rows;

    /// <summary>A B of this size, 32 KB, stays in the first-level cache in whatever order it is read.</summary>
    private const int InPlaceFloats = 8192;

    /// <summary>Multiply-adds below which a further thread costs more than it brings: about 10 microseconds of one core.</summary>
    private const double LeastWorkPerThread = 400_000;

    /// <summary>Pieces per thread, so that a thread that was held up, or gets the odd piece, does not hold up the rest.</summary>
    private const int PiecesPerThread = 8;

    /// <summary>A piece narrower than this would pay too much for packing its rows of A.</summary>
    private const int LeastPieceColumns = 256;

    private GemmPlan(in GemmProblem problem, nint tileColumns, int threads)
    {
        nint mostDepth = Math.Clamp(PanelFloats / tileColumns, LeastDepthBlock, MostDepthBlock);
        DepthBlock = Even(problem.Depth, mostDepth, 1);
        GroupDepth = Math.Max(1, MostGroupDepth / DepthBlock) * DepthBlock;
        nint groupDepth = Math.Min(GroupDepth, problem.Depth);

        PackRight = problem.RightColumn != 1
            || (problem.Rows > RightReuse * MicroKernel.Rows && problem.Depth * problem.Columns > InPlaceFloats);
        PackInPieces = PackRight && problem.Rows <= NarrowRows;
        IsRow = PackInPieces && problem.Rows == 1 && problem.RightRow == 1;
        PackLeft = problem.Columns > LeftReuse * tileColumns;
        nint mostColumns = PackRight && !PackInPieces ? GroupFloats / groupDepth / tileColumns * tileColumns : problem.Columns;
        GroupColumns = Even(problem.Columns, mostColumns, tileColumns);

        // A single row takes the time of a register tile, and memory's besides.
        Threads = ThreadsWorth(Math.Max(problem.Rows, MicroKernel.Rows) * (double)problem.Columns * problem.Depth, threads);
        nint rowBlocks = Ceiling(problem.Rows, BlockFloats / DepthBlock);
        nint columnPieces = 1;
        if (Threads > 1)
        {
            nint wanted = Threads * PiecesPerThread;
            nint leastColumns = PackInPieces ? 2 * Math.Max(tileColumns, RowKernel.Columns) : LeastPieceColumns;
            columnPieces = Math.Clamp(Ceiling(wanted, rowBlocks), 1, Ceiling(GroupColumns, leastColumns));
            rowBlocks = PackInPieces ? 1 : Math.Max(rowBlocks, Math.Min(Ceiling(wanted, columnPieces), Ceiling(problem.Rows, 4 * MicroKernel.Rows)));
        }

        BlockRows = RoundUp(Ceiling(problem.Rows, rowBlocks), MicroKernel.Rows);
        PieceColumns = RoundUp(Ceiling(GroupColumns, columnPieces), tileColumns);
    }

    /// <summary>KC: steps of depth between two visits to C.</summary>
    internal nint DepthBlock { get; }

    /// <summary>Steps of depth per group, a multiple of <see cref="DepthBlock"/>.</summary>
    internal nint GroupDepth { get; }

    /// <summary>NC: columns per group, a multiple of the tile's.</summary>
    internal nint GroupColumns { get; }

    /// <summary>MC: rows per piece, a multiple of the tile's.</summary>
    internal nint BlockRows { get; }

    /// <summary>Columns per piece, a multiple of the tile's.</summary>
    internal nint PieceColumns { get; }

    /// <summary>Whether A is packed; if not, the micro-kernel reads it by its strides.</summary>
    internal bool PackLeft { get; }

    /// <summary>Whether B is packed; if not, its columns lie side by side and the micro-kernel reads it where it is.</summary>
    internal bool PackRight { get; }

    /// <summary>Whether a piece packs the panels of B that it needs itself, instead of all being packed before.</summary>
    internal bool PackInPieces { get; }

    /// <summary>Whether it is a single row times columns that lie one after the other, which needs no packing.</summary>
    internal bool IsRow { get; }

    /// <summary>Threads worth starting.</summary>
    internal int Threads { get; }

    /// <summary>Plans <paramref name="problem"/>, which has no empty axis.</summary>
    internal static GemmPlan For<TSimd, TVector>(in GemmProblem problem, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged => new(problem, MicroKernel.Columns<TSimd, TVector>(), threads);

    /// <summary>How many of <paramref name="threads"/> threads are worth starting for so many multiply-adds.</summary>
    internal static int ThreadsWorth(double work, int threads) => (int)Math.Clamp(work / LeastWorkPerThread, 1, threads);

    internal static nint Ceiling(nint value, nint divisor) => (value + divisor - 1) / divisor;

    internal static nint RoundUp(nint value, nint multiple) => Ceiling(value, multiple) * multiple;

    /// <summary>The size of equal parts, no larger than <paramref name="most"/>, in whole multiples.</summary>
    private static nint Even(nint total, nint most, nint multiple) =>
        RoundUp(Ceiling(total, Ceiling(total, Math.Max(most, multiple))), multiple);
}
