using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Adds rows of sums, <c>[rows, columns]</c>, into the first of them, in order.</summary>
internal readonly unsafe struct FoldPieces<TSimd, TVector>(float* sums, nint columns, nint rows) : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    private const int PieceColumns = 512;

    internal int Count => (int)PanelCut.Blocks(columns, PieceColumns);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        nint first = (nint)index * PieceColumns;
        nint count = Math.Min(PieceColumns, columns - first);
        float* to = sums + first;
        for (nint row = 1; row < rows; row++)
        {
            float* from = to + row * columns;
            nint column = 0;
            for (; column <= count - TSimd.Count; column += TSimd.Count)
            {
                TSimd.Store(TSimd.Add(TSimd.Load(to + column), TSimd.Load(from + column)), to + column);
            }

            for (; column < count; column++)
            {
                to[column] += from[column];
            }
        }
    }
}
