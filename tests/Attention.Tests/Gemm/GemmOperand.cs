using Attention.Gemm;
using Attention.TestKit;

namespace Attention.Tests.Gemm;

/// <summary>How the elements of a test matrix are spread in memory.</summary>
public enum Spread
{
    /// <summary>Rows one after the other, with a gap.</summary>
    Rows,

    /// <summary>Columns one after the other, with a gap: a transposed matrix.</summary>
    Columns,

    /// <summary>Gaps between the elements of a row too.</summary>
    Everywhere,
}

/// <summary>
/// A matrix of random numbers in guarded memory that ends with its last element; whatever lies between its elements is NaN.
/// </summary>
internal sealed class GemmOperand : IDisposable
{
    private readonly GuardedBuffer _memory;

    internal GemmOperand(int rows, int columns, Spread spread, Random random)
    {
        const int Gap = 3;
        Layout = spread switch
        {
            Spread.Rows => MatrixLayout.RowMajor(rows, columns, columns + Gap),
            Spread.Columns => MatrixLayout.ColumnMajor(rows, columns, rows + Gap),
            _ => new MatrixLayout(rows, columns, 2 * columns + Gap, 2),
        };
        _memory = new GuardedBuffer((int)Layout.RequiredLength);
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                this[row, column] = random.NextSingle() * 2 - 1;
            }
        }
    }

    internal MatrixLayout Layout { get; }

    internal Span<float> Span => _memory.Span;

    internal float this[int row, int column]
    {
        get => Span[row * Layout.RowStride + column * Layout.ColumnStride];
        set => Span[row * Layout.RowStride + column * Layout.ColumnStride] = value;
    }

    public void Dispose() => _memory.Dispose();

    internal void Fill(float value)
    {
        for (int row = 0; row < Layout.Rows; row++)
        {
            for (int column = 0; column < Layout.Columns; column++)
            {
                this[row, column] = value;
            }
        }
    }

    /// <summary>The elements alone, in rows.</summary>
    internal float[] ToArray()
    {
        float[] values = new float[Layout.Rows * Layout.Columns];
        for (int row = 0; row < Layout.Rows; row++)
        {
            for (int column = 0; column < Layout.Columns; column++)
            {
                values[row * Layout.Columns + column] = this[row, column];
            }
        }

        return values;
    }

    /// <summary>Whether everything between the elements still has all bits set, as it was mapped.</summary>
    internal bool GapsAreUntouched()
    {
        bool[] isElement = new bool[Span.Length];
        for (int row = 0; row < Layout.Rows; row++)
        {
            for (int column = 0; column < Layout.Columns; column++)
            {
                isElement[row * Layout.RowStride + column * Layout.ColumnStride] = true;
            }
        }

        for (int i = 0; i < isElement.Length; i++)
        {
            if (!isElement[i] && BitConverter.SingleToInt32Bits(Span[i]) != -1)
            {
                return false;
            }
        }

        return true;
    }
}
