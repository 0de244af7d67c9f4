using System.Runtime.CompilerServices;
using Attention.Simd;

namespace Attention.Positions;

/// <summary>
/// Adds the rows of a bias gradient into the line of their head. A piece owns a stretch of one line and takes the queries in
/// order, so there are no partial sums and the threads do not matter.
/// </summary>
internal readonly unsafe struct ScatterPieces : IPieces
{
    /// <summary>4 KiB of the line, which stay in the first cache beside the run of gradients that is being added.</summary>
    private const int Stretch = 1 << 10;

    private readonly BiasRows _rows;
    private readonly nint _stretches;

    internal ScatterPieces(in BiasRows rows)
    {
        _rows = rows;
        _stretches = (rows.Grid.LineLength + Stretch - 1) / Stretch;
    }

    public int Count => checked((int)(_rows.Heads * _stretches));

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke<TSimd, TVector>(int index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        RelativeGrid grid = _rows.Grid;
        (nint head, nint stretch) = Math.DivRem(index, _stretches);
        float* line = _rows.Line(head);
        nint start = stretch * Stretch;
        nint end = Math.Min(grid.LineLength, start + Stretch);
        new Span<float>(line + start, (int)(end - start)).Clear();
        for (nint query = 0; query < grid.Queries; query++)
        {
            float* row = _rows.Row(head, query);
            for (int keyRow = 0; keyRow < grid.Rows; keyRow++)
            {
                nint place = grid.Start(query, keyRow);
                nint from = Math.Max(start, place);
                nint to = Math.Min(end, place + grid.KeyColumns);
                if (from < to)
                {
                    float* run = row + (nint)keyRow * grid.KeyColumns + (from - place);
                    nint done = Add<TSimd, TVector>(run, line + from, to - from, 0);
                    Add<SimdScalar, float>(run, line + from, to - from, done);
                }
            }
        }
    }

    /// <summary>Adds whole vectors from <paramref name="index"/> on; gives the first element left over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static nint Add<TSimd, TVector>(float* source, float* target, nint count, nint index)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (; index <= count - TSimd.Count; index += TSimd.Count)
        {
            TSimd.Store(TSimd.Add(TSimd.Load(target + index), TSimd.Load(source + index)), target + index);
        }

        return index;
    }
}
