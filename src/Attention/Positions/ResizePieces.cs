using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>
/// A resize cut by channels. A piece goes through all cells in order, forwards as well as backwards, where several new cells
/// add to one old one: so there are no partial sums, and the threads do not matter.
/// </summary>
internal unsafe struct ResizePieces : IPieces
{
    /// <summary>A row's part is four cache lines.</summary>
    private const int ChannelsPerPiece = 64;

    /// <summary>The table, or backwards the gradient of the resized one.</summary>
    internal float* Source;
    internal nint SourceStride;

    /// <summary>The resized table, or backwards the gradient of the table.</summary>
    internal float* Destination;
    internal nint DestinationStride;
    internal nint DestinationRows;
    internal nint Size;
    internal GridResize Grid;
    internal bool IsBackward;

    public readonly int Count => (int)((Size + ChannelsPerPiece - 1) / ChannelsPerPiece);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public readonly void Invoke<TSimd, TVector>(int index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint start = (nint)index * ChannelsPerPiece;
        nint count = Math.Min(ChannelsPerPiece, Size - start);
        for (nint row = 0; row < DestinationRows; row++)
        {
            Span<float> target = new(Destination + row * DestinationStride + start, (int)count);
            if (row < Grid.ClassTokens)
            {
                new ReadOnlySpan<float>(Source + row * SourceStride + start, (int)count).CopyTo(target);
            }
            else
            {
                target.Clear();
            }
        }

        for (int newRow = 0; newRow < Grid.NewHeight; newRow++)
        {
            GridPoint vertical = new(newRow, Grid.Height, Grid.NewHeight, Grid.Alignment);
            for (int newColumn = 0; newColumn < Grid.NewWidth; newColumn++)
            {
                GridPoint horizontal = new(newColumn, Grid.Width, Grid.NewWidth, Grid.Alignment);
                nint cell = (nint)newRow * Grid.NewWidth + newColumn;
                double top = 1 - vertical.Fraction;
                double left = 1 - horizontal.Fraction;
                Pair<TSimd, TVector>(cell, vertical.First, horizontal.First, top * left, start, count);
                Pair<TSimd, TVector>(cell, vertical.First, horizontal.Second, top * horizontal.Fraction, start, count);
                Pair<TSimd, TVector>(cell, vertical.Second, horizontal.First, vertical.Fraction * left, start, count);
                Pair<TSimd, TVector>(cell, vertical.Second, horizontal.Second, vertical.Fraction * horizontal.Fraction, start, count);
            }
        }
    }

    /// <summary>Adds an old cell to a new one by its weight, or backwards the new one's gradient to the old one's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Pair<TSimd, TVector>(nint newCell, int oldRow, int oldColumn, double weight, nint start, nint count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // What counts for nothing must not bring its NaN.
        if (weight == 0)
        {
            return;
        }

        nint oldCell = (nint)oldRow * Grid.Width + oldColumn;
        (nint from, nint to) = IsBackward ? (newCell, oldCell) : (oldCell, newCell);
        float* source = Source + (Grid.ClassTokens + from) * SourceStride + start;
        float* target = Destination + (Grid.ClassTokens + to) * DestinationStride + start;
        nint done = Add<TSimd, TVector>(source, target, (float)weight, count, 0);
        Add<SimdScalar, float>(source, target, (float)weight, count, done);
    }

    /// <summary>Adds whole vectors from <paramref name="index"/> on; gives the first element left over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Add<TSimd, TVector>(float* source, float* target, float weight, nint count, nint index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        TVector factor = TSimd.Create(weight);
        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            TSimd.Store(TSimd.MultiplyAdd(factor, TSimd.Load(source + index), TSimd.Load(target + index)), target + index);
        }

        return index;
    }
}
