using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// Adds up the parts of the gradients of keys and values, the first first, and turns those of keys back into rows: a piece
/// writes some keys of one key head.
/// </summary>
internal readonly unsafe struct AdditiveFold<TSimd, TVector> : IParallelAction
    where TSimd : struct, ISimd<TVector>
    where TVector : unmanaged
{
    /// <summary>Keys of a piece: their sums, transposed, stay in the first two caches.</summary>
    private const int PieceKeys = 64;

    private readonly AdditiveGradientProblem _problem;
    private readonly AdditiveParts _parts;
    private readonly int _copies;
    private readonly int _pieces;

    private AdditiveFold(in AdditiveGradientProblem problem, in AdditiveParts parts, int copies)
    {
        _problem = problem;
        _parts = parts;
        _copies = copies;
        _pieces = (problem.Forward.Attention.KeyLength + PieceKeys - 1) / PieceKeys;
    }

    /// <summary>Folds what lanes left: parts, if they were spread over lanes, and the score vector's gradient.</summary>
    internal static void Run(in AdditiveGradientProblem problem, in AdditiveParts parts, in LanePlan plan, int threads)
    {
        AttentionProblem attention = problem.Forward.Attention;
        if (plan.IsSpread)
        {
            AdditiveFold<TSimd, TVector> fold = new(problem, parts, plan.Parts);
            WorkerTeam.Run(fold, checked(attention.Batch * attention.KeyValueHeads * fold._pieces), threads);
        }

        if (problem.ScoreVectorGradient != null)
        {
            RowOperations.Clear(problem.ScoreVectorGradient, attention.HeadSize);
            for (int lane = 0; lane < plan.Lanes; lane++)
            {
                RowOperations.Add<TSimd, TVector>(parts.ScoreVector(lane), problem.ScoreVectorGradient, attention.HeadSize);
            }
        }
    }

    public void Invoke(int index)
    {
        AttentionProblem attention = _problem.Forward.Attention;
        (int pair, int piece) = Math.DivRem(index, _pieces);
        (int batch, int keyHead) = Math.DivRem(pair, attention.KeyValueHeads);
        IndexRange keys = new(piece * PieceKeys, Math.Min((piece + 1) * PieceKeys, attention.KeyLength));
        for (int copy = 0; copy < _copies; copy++)
        {
            LanePart part = new(batch, keyHead, pair * _copies + copy, copy == 0, IndexRange.Empty);
            AddKeys(_parts.Keys(part.Memory), _parts.KeyStride, _problem.KeyGradient, part, attention.HeadSize, keys);
            AddValues(_parts.Values(part.Memory), _problem.ValueGradient, part, attention.ValueSize, keys);
        }
    }

    /// <summary>Adds a part's gradients of some keys, [hidden, key], to their rows, which the first part finds at zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    internal static void AddKeys(float* part, int partStride, in Operand gradient, in LanePart at, int size, IndexRange keys)
    {
        if (!gradient.IsPresent)
        {
            return;
        }

        using Scratch.Rental rental = Scratch.Rent((nint)PieceKeys * size);
        for (int first = keys.Start; first < keys.End; first += PieceKeys)
        {
            int count = Math.Min(PieceKeys, keys.End - first);
            Turn(part + first, partStride, size, count, rental.Memory);
            for (int key = 0; key < count; key++)
            {
                AddRow(rental.Memory + (nint)key * size, gradient.At(at.Batch, at.KeyHead, first + key), size, at.IsFirst);
            }
        }
    }

    /// <summary>Adds a part's gradients of some values, which are rows already.</summary>
    internal static void AddValues(float* part, in Operand gradient, in LanePart at, int size, IndexRange keys)
    {
        for (int key = keys.Start; key < keys.End && gradient.IsPresent; key++)
        {
            AddRow(part + (nint)key * size, gradient.At(at.Batch, at.KeyHead, key), size, at.IsFirst);
        }
    }

    /// <summary>[hidden, key] to [key, hidden].</summary>
    private static void Turn(float* source, nint sourceStride, int size, int count, float* destination)
    {
        int unit = 0;
        for (; unit + 4 <= size; unit += 4)
        {
            Packing.TransposeFour(source + unit * sourceStride, sourceStride, count, destination + unit, size);
        }

        for (; unit < size; unit++)
        {
            for (int key = 0; key < count; key++)
            {
                destination[(nint)key * size + unit] = source[unit * sourceStride + key];
            }
        }
    }

    private static void AddRow(float* source, float* destination, int size, bool isFirst)
    {
        if (isFirst)
        {
            RowOperations.Clear(destination, size);
        }

        RowOperations.Add<TSimd, TVector>(source, destination, size);
    }
}
