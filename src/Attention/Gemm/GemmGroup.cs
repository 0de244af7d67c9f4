using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Gemm;

/// <summary>
/// One group of a product: first pieces that pack its part of B, together, then pieces that each compute a block of C
/// from it. All are pieces of one parallel loop; those that compute wait until all that pack, which have lower numbers and
/// were therefore begun before, are done. Where there are so few rows that reading B is the work, as for a single row, each
/// piece packs the panels that it needs itself, one at a time.
/// </summary>
internal unsafe struct GemmGroup<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>
    /// Most columns of B that one piece packs, and steps it takes of each panel in turn: rows of B are read in long runs,
    /// which the prefetchers follow, and the panels written in lines that stay in the first-level cache between the turns.
    /// </summary>
    private const int MostPackingColumns = 256;
    private const int StepsInTurn = 8;

    /// <summary>Packing pieces that each thread should get, if there is that much: nobody computes before the last is done.</summary>
    private const int PackingPiecesPerThread = 2;

    private GemmProblem _problem;
    private GemmPlan _plan;
    private nint _firstColumn;
    private nint _columns;
    private nint _firstStep;
    private nint _steps;
    private nint _packedColumns;
    private nint _panelsPerPiece;
    private nint _packingPieces;
    private nint _columnPieces;
    private float* _packed;
    private int* _packedPieces;

    private static nint TileColumns => MicroKernel.Columns<TSimd, TVector>();

    /// <summary>Computes the columns and steps given of <paramref name="problem"/>: <c>C = alpha A B + beta C</c> over them.</summary>
    internal static void Run(
        in GemmProblem problem, in GemmPlan plan, nint firstColumn, nint columns, nint firstStep, nint steps)
    {
        nint tail = columns % TileColumns;
        nint packedColumns = plan.PackInPieces ? 0 : plan.PackRight ? columns : tail;
        nint panels = GemmPlan.Ceiling(packedColumns, TileColumns);
        nint depthBlocks = GemmPlan.Ceiling(steps, plan.DepthBlock);
        nint columnPieces = GemmPlan.Ceiling(columns, plan.PieceColumns);
        nint panelsPerPiece = Math.Clamp(
            panels * depthBlocks / (plan.Threads * PackingPiecesPerThread), 1, GemmPlan.Ceiling(MostPackingColumns, TileColumns));
        int packedPieces = 0;
        using Scratch.Rental packed = Scratch.Rent(panels * TileColumns * steps);
        GemmGroup<TSimd, TVector> group = new()
        {
            _problem = problem,
            _plan = plan,
            _firstColumn = firstColumn,
            _columns = columns,
            _firstStep = firstStep,
            _steps = steps,
            _packedColumns = packedColumns,
            _panelsPerPiece = panelsPerPiece,
            _packingPieces = depthBlocks * GemmPlan.Ceiling(panels, panelsPerPiece),
            _columnPieces = columnPieces,
            _packed = packed.Memory,
            _packedPieces = &packedPieces,
        };
        nint pieces = group._packingPieces + columnPieces * GemmPlan.Ceiling(problem.Rows, plan.BlockRows);
        WorkerTeam.Run(group, checked((int)pieces), plan.Threads);
    }

    /// <inheritdoc/>
    public readonly void Invoke(int index)
    {
        if (index < _packingPieces)
        {
            PackRight(index);
            Interlocked.Increment(ref *_packedPieces);
            return;
        }

        SpinWait spin = default;
        while (Volatile.Read(ref *_packedPieces) < _packingPieces)
        {
            spin.SpinOnce(sleep1Threshold: -1);
        }

        Compute(index - _packingPieces);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void PackRight(nint piece)
    {
        nint panels = GemmPlan.Ceiling(_packedColumns, TileColumns);
        nint piecesPerBlock = GemmPlan.Ceiling(panels, _panelsPerPiece);
        nint block = piece / piecesPerBlock;
        nint firstPanel = (piece - block * piecesPerBlock) * _panelsPerPiece;
        nint endPanel = Math.Min(firstPanel + _panelsPerPiece, panels);
        nint blockStep = block * _plan.DepthBlock;
        nint depth = Math.Min(_plan.DepthBlock, _steps - blockStep);
        float* target = _packed + blockStep * panels * TileColumns;
        float* source = _problem.Right
            + (_firstStep + blockStep) * _problem.RightRow
            + (_firstColumn + _columns - _packedColumns) * _problem.RightColumn;
        for (nint step = 0; step < depth; step += StepsInTurn)
        {
            nint steps = Math.Min(StepsInTurn, depth - step);
            for (nint panel = firstPanel; panel < endPanel; panel++)
            {
                nint column = panel * TileColumns;
                PanelPacking.Pack(
                    source + step * _problem.RightRow + column * _problem.RightColumn,
                    _problem.RightColumn,
                    _problem.RightRow,
                    Math.Min(TileColumns, _packedColumns - column),
                    steps,
                    target + panel * depth * TileColumns + step * TileColumns,
                    TileColumns);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private readonly void Compute(nint piece)
    {
        nint rowPiece = piece / _columnPieces;
        nint row = rowPiece * _plan.BlockRows;
        nint column = (piece - rowPiece * _columnPieces) * _plan.PieceColumns;
        nint rows = Math.Min(_plan.BlockRows, _problem.Rows - row);
        nint columns = Math.Min(_plan.PieceColumns, _columns - column);
        if (_plan.IsRow)
        {
            MultiplyRow(column, columns);
            return;
        }

        nint packedRows = _plan.PackLeft ? rows : rows % MicroKernel.Rows;
        nint leftFloats = GemmPlan.RoundUp(packedRows, MicroKernel.Rows) * _plan.DepthBlock;
        using Scratch.Rental packed = Scratch.Rent(leftFloats + (_plan.PackInPieces ? TileColumns * _plan.DepthBlock : 0));
        for (nint step = 0; step < _steps; step += _plan.DepthBlock)
        {
            nint depth = Math.Min(_plan.DepthBlock, _steps - step);
            PanelBlock left = Left(row, rows, packedRows, step, depth, packed.Memory);
            if (_plan.PackInPieces)
            {
                for (nint end = column + columns, first = column; first < end; first += TileColumns)
                {
                    nint width = Math.Min(TileColumns, end - first);
                    Multiply(left, Panel(first, width, step, depth, packed.Memory + leftFloats), row, rows, first, width, step, depth);
                }
            }
            else
            {
                Multiply(left, Right(column, step, depth), row, rows, column, columns, step, depth);
            }
        }
    }

    /// <summary>Some columns of a single row of C: sixteen of them over all blocks of depth, then the next sixteen.</summary>
    [SkipLocalsInit]
    private readonly void MultiplyRow(nint column, nint columns)
    {
        float* tile = stackalloc float[RowKernel.Columns];
        for (nint first = _firstColumn + column, end = first + columns; first < end; first += RowKernel.Columns)
        {
            nint width = Math.Min(RowKernel.Columns, end - first);
            float* a = _problem.Left + _firstStep * _problem.LeftColumn;
            float* b = _problem.Right + _firstStep + first * _problem.RightColumn;
            float* nextColumns = b + width * _problem.RightColumn;
            float* c = _problem.Destination + first * _problem.DestinationColumn;
            for (nint step = 0; step < _steps; step += _plan.DepthBlock)
            {
                nint depth = Math.Min(_plan.DepthBlock, _steps - step);
                float* next = step + depth < _steps ? b + depth : nextColumns;
                RowKernel.Multiply(a, _problem.LeftColumn, b, _problem.RightColumn, width, depth, tile, next);
                float beta = _firstStep + step == 0 ? _problem.Beta : 1;
                if (_firstStep + step == 0 && _problem.Start is not null)
                {
                    beta = 1;
                    TileUpdate.Fill<TSimd, TVector>(
                        _problem.Start + first * _problem.StartColumn, 0, _problem.StartColumn, 1, width, c, 0, _problem.DestinationColumn);
                }

                TileUpdate.Apply<TSimd, TVector>(
                    tile, RowKernel.Columns, 1, width, c, 0, _problem.DestinationColumn, _problem.Alpha, beta);
                a += depth * _problem.LeftColumn;
                b += depth;
            }
        }
    }

    /// <summary>A block of depth of a block of C.</summary>
    private readonly void Multiply(
        in PanelBlock left, in PanelBlock right, nint row, nint rows, nint column, nint columns, nint step, nint depth)
    {
        column += _firstColumn;
        bool isFirst = _firstStep + step == 0;
        float* start = isFirst && _problem.Start is not null
            ? _problem.Start + row * _problem.StartRow + column * _problem.StartColumn
            : null;
        MacroKernel.Multiply<TSimd, TVector>(
            left,
            right,
            rows,
            columns,
            depth,
            _problem.Destination + row * _problem.DestinationRow + column * _problem.DestinationColumn,
            _problem.DestinationRow,
            _problem.DestinationColumn,
            _problem.Alpha,
            isFirst && start is null ? _problem.Beta : 1,
            start,
            _problem.StartRow,
            _problem.StartColumn);
    }

    /// <summary>Packs one panel where few rows will pass over it, so that it never leaves the first-level cache.</summary>
    private readonly PanelBlock Panel(nint column, nint width, nint step, nint depth, float* panel)
    {
        PanelPacking.Pack(
            _problem.Right + (_firstStep + step) * _problem.RightRow + (_firstColumn + column) * _problem.RightColumn,
            _problem.RightColumn,
            _problem.RightRow,
            width,
            depth,
            panel,
            TileColumns);
        return new PanelBlock
        {
            First = panel,
            Lane = 1,
            Step = TileColumns,
            Tail = panel,
            TailStep = TileColumns,
        };
    }

    private readonly PanelBlock Left(nint row, nint rows, nint packedRows, nint step, nint depth, float* packed)
    {
        float* source = _problem.Left + row * _problem.LeftRow + (_firstStep + step) * _problem.LeftColumn;
        nint unpackedRows = rows - packedRows;
        float* target = packed;
        for (nint i = unpackedRows; i < rows; i += MicroKernel.Rows)
        {
            PanelPacking.Pack(
                source + i * _problem.LeftRow,
                _problem.LeftRow,
                _problem.LeftColumn,
                Math.Min(MicroKernel.Rows, rows - i),
                depth,
                target,
                MicroKernel.Rows);
            target += MicroKernel.Rows * depth;
        }

        float* tail = packed + packedRows / MicroKernel.Rows * MicroKernel.Rows * depth;
        return _plan.PackLeft
            ? new PanelBlock
            {
                First = packed,
                Distance = MicroKernel.Rows * depth,
                Lane = 1,
                Step = MicroKernel.Rows,
                Tail = tail,
                TailStep = MicroKernel.Rows,
            }
            : new PanelBlock
            {
                First = source,
                Distance = MicroKernel.Rows * _problem.LeftRow,
                Lane = _problem.LeftRow,
                Step = _problem.LeftColumn,
                Tail = tail,
                TailStep = MicroKernel.Rows,
            };
    }

    private readonly PanelBlock Right(nint column, nint step, nint depth)
    {
        float* block = _packed + step * GemmPlan.RoundUp(_packedColumns, TileColumns);
        nint tailPanel = _packedColumns / TileColumns;
        float* tail = block + tailPanel * TileColumns * depth;
        return _plan.PackRight
            ? new PanelBlock
            {
                First = block + column * depth,
                Distance = TileColumns * depth,
                Lane = 1,
                Step = TileColumns,
                Tail = tail,
                TailStep = TileColumns,
            }
            : new PanelBlock
            {
                First = _problem.Right + (_firstStep + step) * _problem.RightRow + _firstColumn + column,
                Distance = TileColumns,
                Lane = 1,
                Step = _problem.RightRow,
                Tail = tail,
                TailStep = TileColumns,
            };
    }
}
