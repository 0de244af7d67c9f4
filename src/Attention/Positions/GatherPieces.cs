using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>Copies bias rows from the line of their head, some ten thousand numbers to a piece.</summary>
internal readonly unsafe struct GatherPieces : IPieces
{
    private const int FloatsPerPiece = 1 << 16;

    private readonly BiasRows _rows;
    private readonly nint _queriesPerPiece;
    private readonly nint _blocks;

    internal GatherPieces(in BiasRows rows)
    {
        _rows = rows;
        _queriesPerPiece = Math.Max(1, FloatsPerPiece / rows.Grid.Keys);
        _blocks = (rows.Grid.Queries + _queriesPerPiece - 1) / _queriesPerPiece;
    }

    public int Count => checked((int)(_rows.Heads * _blocks));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke<TSimd, TVector>(int index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        RelativeGrid grid = _rows.Grid;
        (nint head, nint block) = Math.DivRem(index, _blocks);
        float* line = _rows.Line(head);
        nint end = Math.Min(grid.Queries, (block + 1) * _queriesPerPiece);
        for (nint query = block * _queriesPerPiece; query < end; query++)
        {
            float* row = _rows.Row(head, query);
            for (int keyRow = 0; keyRow < grid.Rows; keyRow++)
            {
                new ReadOnlySpan<float>(line + grid.Start(query, keyRow), grid.KeyColumns)
                    .CopyTo(new Span<float>(row + (nint)keyRow * grid.KeyColumns, grid.KeyColumns));
            }
        }
    }
}
