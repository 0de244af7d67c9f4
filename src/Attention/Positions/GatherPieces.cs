using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>Copies bias rows from the line of their head, some ten thousand numbers to a piece.</summary>
internal readonly unsafe struct GatherPieces : IPieces
{
    private const int FloatsPerPiece = 1 << 16;

    private readonly RelativeGrid _grid;
    private readonly int _heads;
    private readonly float* _lines;
    private readonly float* _bias;
    private readonly nint _headStride;
    private readonly nint _rowStride;
    private readonly nint _queriesPerPiece;
    private readonly nint _blocks;

    internal GatherPieces(in RelativeGrid grid, int heads, float* lines, float* bias, nint headStride, nint rowStride)
    {
        _grid = grid;
        _heads = heads;
        _lines = lines;
        _bias = bias;
        _headStride = headStride;
        _rowStride = rowStride;
        _queriesPerPiece = Math.Max(1, FloatsPerPiece / grid.Keys);
        _blocks = (grid.Queries + _queriesPerPiece - 1) / _queriesPerPiece;
    }

    public int Count => checked((int)(_heads * _blocks));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke<TSimd, TVector>(int index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        (nint head, nint block) = Math.DivRem(index, _blocks);
        float* line = _lines + head * _grid.LineLength;
        nint end = Math.Min(_grid.Queries, (block + 1) * _queriesPerPiece);
        for (nint query = block * _queriesPerPiece; query < end; query++)
        {
            float* row = _bias + head * _headStride + query * _rowStride;
            for (int keyRow = 0; keyRow < _grid.Rows; keyRow++)
            {
                new ReadOnlySpan<float>(line + _grid.Start(query, keyRow), _grid.KeyColumns)
                    .CopyTo(new Span<float>(row + (nint)keyRow * _grid.KeyColumns, _grid.KeyColumns));
            }
        }
    }
}
