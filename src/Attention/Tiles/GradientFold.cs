using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Adds up partial gradients, <c>[batch, head, row, size]</c>, of which copies lie at a fixed distance: a piece writes some rows, each the
/// sum of its copies, the first first.
/// </summary>
internal readonly unsafe struct GradientFold<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Floats that a piece reads at least, if there are as many: below, a thread costs more than it gives.</summary>
    private const nint PieceFloats = 1 << 15;

    private readonly Operand _partial;
    private readonly Operand _destination;
    private readonly int _heads;
    private readonly int _rows;
    private readonly int _size;
    private readonly nint _distance;
    private readonly int _copies;
    private readonly int _pieceRows;
    private readonly int _pieces;

    private GradientFold(
        in Operand partial, in Operand destination, int heads, int rows, int size, nint distance, int copies)
    {
        _partial = partial;
        _destination = destination;
        _heads = heads;
        _rows = rows;
        _size = size;
        _distance = distance;
        _copies = copies;
        _pieceRows = (int)Math.Clamp(PieceFloats / Math.Max(1, (nint)size * copies), 1, Math.Max(rows, 1));
        _pieces = (rows + _pieceRows - 1) / _pieceRows;
    }

    /// <summary>Folds all rows, unless the destination is absent.</summary>
    /// <param name="partial">The first copy.</param>
    /// <param name="destination">Where the sums go.</param>
    /// <param name="batch">Batch elements.</param>
    /// <param name="heads">Heads of each.</param>
    /// <param name="rows">Rows of each.</param>
    /// <param name="size">Floats of a row.</param>
    /// <param name="distance">From one copy to the next.</param>
    /// <param name="copies">How many there are.</param>
    /// <param name="threads">How many threads may work at once.</param>
    internal static void Run(
        in Operand partial, in Operand destination, int batch, int heads, int rows, int size, nint distance, int copies, int threads)
    {
        if (destination.IsPresent)
        {
            GradientFold<TSimd, TVector> fold = new(partial, destination, heads, rows, size, distance, copies);
            bool isSmall = (nint)batch * heads * rows * size * copies <= PieceFloats;
            WorkerTeam.Run(fold, checked(batch * heads * fold._pieces), isSmall ? 1 : threads);
        }
    }

    /// <summary>Adds up the parts of each key head, which follow each other in memory.</summary>
    /// <param name="parts">The parts, one behind the other as batch elements.</param>
    /// <param name="gradient">Where the sums go, <c>[batch, keyValueHeads, keyLength, size]</c>.</param>
    /// <param name="attention">The sizes.</param>
    /// <param name="count">Parts of a key head.</param>
    /// <param name="size">Floats of a row.</param>
    /// <param name="threads">How many threads may work at once.</param>
    internal static void RunParts(in Operand parts, in Operand gradient, in AttentionProblem attention, int count, int size, int threads)
    {
        Operand first = new()
        {
            Address = parts.Address,
            BatchStride = attention.KeyValueHeads * count * parts.BatchStride,
            HeadStride = count * parts.BatchStride,
            RowStride = parts.RowStride,
        };
        Run(first, gradient, attention.Batch, attention.KeyValueHeads, attention.KeyLength, size, parts.BatchStride, count, threads);
    }

    /// <summary>The memory of one of several parts, <c>[keyLength, size]</c>, cleared; absent where the parts are.</summary>
    internal static Operand ClearedPart(in Operand parts, int number)
    {
        if (!parts.IsPresent)
        {
            return default;
        }

        Operand part = new() { Address = parts.At(number, 0, 0), RowStride = parts.RowStride };
        NativeMemory.Clear(part.Address, (nuint)parts.BatchStride * sizeof(float));
        return part;
    }

    /// <summary>Adds one part to the gradient of its key head at once; part after part that is what <see cref="RunParts"/> does.</summary>
    internal static void AddPart(in Operand part, in Operand gradient, in LanePart at, int keyLength, int size)
    {
        for (int key = 0; key < keyLength && gradient.IsPresent; key++)
        {
            float* destination = gradient.At(at.Batch, at.KeyHead, key);
            if (at.IsFirst)
            {
                RowOperations.Clear(destination, size);
            }

            RowOperations.Add<TSimd, TVector>(part.At(0, 0, key), destination, size);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Invoke(int index)
    {
        (int pair, int piece) = Math.DivRem(index, _pieces);
        (int batch, int head) = Math.DivRem(pair, _heads);
        int end = Math.Min(_rows, (piece + 1) * _pieceRows);
        for (int row = piece * _pieceRows; row < end; row++)
        {
            float* sum = _destination.At(batch, head, row);
            float* source = _partial.At(batch, head, row);
            RowOperations.Clear(sum, _size);
            for (int copy = 0; copy < _copies; copy++)
            {
                RowOperations.Add<TSimd, TVector>(source + copy * _distance, sum, _size);
            }
        }
    }
}
