using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Gemm;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>
/// <c>first = function(second, third) + beta first</c>, element by element. With a beta of zero the first operand is not read.
/// </summary>
/// <remarks>
/// Rows that vectors cannot read or write, as those of a transposed view, go through tiles in scratch memory: the source is
/// packed into one as for a matrix product, 4 x 4 elements at a time where it is contiguous along the rows.
/// </remarks>
internal readonly unsafe struct MapKernel<TFunction>(TFunction function, float beta) : IPanelKernel
    where TFunction : struct, IElementFunction
{
    /// <summary>32 rows read two whole cache lines of each column of a transposed source; three tiles take 24 KB of the first cache.</summary>
    private const int TileRows = 32;
    private const int TileColumns = 64;
    private const int Tiles = 3;

    private readonly TFunction _function = function;

    public void Invoke<TSimd, TVector>(in Panel panel)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        if (panel.Columns == 1 || (panel.First.IsDirect && panel.Second.IsDirect && panel.Third.IsDirect))
        {
            Direct<TSimd, TVector>(panel);
        }
        else
        {
            Tiled<TSimd, TVector>(panel);
        }
    }

    private void Direct<TSimd, TVector>(in Panel panel)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // What is left over has a method of its own: the code of a function for both widths would be too much to be inlined.
        nint whole = panel.Columns - panel.Columns % TSimd.Count;
        for (nint row = 0; row < panel.Rows; row++)
        {
            Row<TSimd, TVector>(panel, row, 0, whole);
            Row<SimdScalar, float>(panel, row, whole, panel.Columns);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Row<TSimd, TVector>(in Panel panel, nint row, nint column, nint end)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        float* destination = panel.First.At(row, 0);
        float* first = panel.Second.At(row, 0);
        float* second = panel.Third.At(row, 0);
        bool spreadFirst = panel.Second.ColumnStride == 0;
        bool spreadSecond = TFunction.TakesTwo && panel.Third.ColumnStride == 0;
        TVector firstOfAll = spreadFirst ? TSimd.Create(*first) : TSimd.Zero;
        TVector secondOfAll = spreadSecond ? TSimd.Create(*second) : TSimd.Zero;
        for (; column < end; column += TSimd.Count)
        {
            TVector a = spreadFirst ? firstOfAll : TSimd.Load(first + column);
            TVector b = !TFunction.TakesTwo || spreadSecond ? secondOfAll : TSimd.Load(second + column);
            TVector value = _function.Invoke<TSimd, TVector>(a, b);
            if (beta != 0f)
            {
                value = TSimd.MultiplyAdd(TSimd.Create(beta), TSimd.Load(destination + column), value);
            }

            TSimd.Store(value, destination + column);
        }
    }

    private void Tiled<TSimd, TVector>(in Panel panel)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        using Scratch.Rental tiles = Scratch.Rent(Tiles * TileRows * TileColumns);
        for (nint row = 0; row < panel.Rows; row += TileRows)
        {
            for (nint column = 0; column < panel.Columns; column += TileColumns)
            {
                nint rows = Math.Min(TileRows, panel.Rows - row);
                nint columns = Math.Min(TileColumns, panel.Columns - column);
                Panel tile = new() { Rows = rows, Columns = columns };
                tile.First = Prepare(panel.First, row, column, rows, columns, tiles.Memory, beta != 0f);
                tile.Second = Prepare(panel.Second, row, column, rows, columns, tiles.Memory + TileRows * TileColumns, true);
                tile.Third = Prepare(
                    panel.Third, row, column, rows, columns, tiles.Memory + 2 * TileRows * TileColumns, TFunction.TakesTwo);
                Direct<TSimd, TVector>(tile);
                if (!panel.First.IsDirect)
                {
                    Scatter(tile.First, panel.First, row, column, rows, columns);
                }
            }
        }
    }

    /// <summary>The part of an operand that belongs to a tile: in place if vectors can read it there, else in the tile's memory.</summary>
    private static PanelOperand Prepare(
        in PanelOperand operand, nint row, nint column, nint rows, nint columns, float* tile, bool isRead)
    {
        PanelOperand part = operand;
        part.Address = operand.At(row, column);
        if (operand.IsDirect)
        {
            return part;
        }

        if (isRead)
        {
            PanelPacking.Pack(part.Address, operand.ColumnStride, operand.RowStride, columns, rows, tile, TileColumns);
        }

        return new PanelOperand { Address = tile, RowStride = TileColumns, ColumnStride = 1 };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scatter(in PanelOperand tile, in PanelOperand destination, nint firstRow, nint firstColumn, nint rows, nint columns)
    {
        for (nint row = 0; row < rows; row++)
        {
            for (nint column = 0; column < columns; column++)
            {
                *destination.At(firstRow + row, firstColumn + column) = *tile.At(row, column);
            }
        }
    }
}
