using Attention.Simd;

namespace Attention.Tiles;

/// <summary>One lane's partial gradients of tables and biases, in memory of its own.</summary>
internal readonly unsafe struct RelativeSums
{
    internal RelativeSums(in RelativeProblem problem, float* memory)
    {
        int headSize = problem.Attention.HeadSize;
        nint table = (nint)problem.TableRows * headSize;
        KeyTable = new Operand { Address = memory, HeadStride = problem.KeyTableHeads > 1 ? table : 0, RowStride = headSize };
        memory += problem.KeyTableHeads * table;
        ContentBias = new Operand { Address = memory, HeadStride = headSize };
        memory += (nint)problem.Attention.Heads * headSize;
        PositionBias = new Operand { Address = memory, HeadStride = headSize };
        memory += (nint)problem.Attention.Heads * headSize;
        ValueTable = new Operand { Address = memory, RowStride = problem.Attention.ValueSize };
    }

    internal Operand KeyTable { get; }

    internal Operand ContentBias { get; }

    internal Operand PositionBias { get; }

    internal Operand ValueTable { get; }

    /// <summary>Adds the lanes up, first to last, into the gradients that are wanted.</summary>
    internal static void Fold<TSimd, TVector>(in RelativeGradientProblem problem, float* lanes, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        RelativeProblem forward = problem.Forward;
        RelativeSums first = new(forward, lanes);
        nint distance = forward.TableFloats;
        (int heads, int headSize, int valueSize) = (forward.Attention.Heads, forward.Attention.HeadSize, forward.Attention.ValueSize);
        Fold<TSimd, TVector>(first.KeyTable, problem.KeyTableGradient, forward.KeyTableHeads, forward.TableRows, headSize, distance, count);
        Fold<TSimd, TVector>(first.ValueTable, problem.ValueTableGradient, 1, forward.TableRows, valueSize, distance, count);
        Fold<TSimd, TVector>(first.ContentBias, problem.ContentBiasGradient, heads, 1, headSize, distance, count);
        Fold<TSimd, TVector>(first.PositionBias, problem.PositionBiasGradient, heads, 1, headSize, distance, count);
    }

    /// <summary>Writes the sums of <paramref name="count"/> copies of rows that lie <paramref name="distance"/> apart, the first first.</summary>
    internal static void Fold<TSimd, TVector>(
        in Operand partial, in Operand destination, int heads, int rows, int size, nint distance, int count)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        if (!destination.IsPresent)
        {
            return;
        }

        for (int head = 0; head < heads; head++)
        {
            for (int row = 0; row < rows; row++)
            {
                float* sum = destination.At(0, head, row);
                float* source = partial.At(0, head, row);
                RowOperations.Clear(sum, size);
                for (int copy = 0; copy < count; copy++)
                {
                    RowOperations.Add<TSimd, TVector>(source + copy * distance, sum, size);
                }
            }
        }
    }
}
