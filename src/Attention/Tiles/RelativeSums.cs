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
    internal static void Fold<TSimd, TVector>(in RelativeGradientProblem problem, float* lanes, int count, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        RelativeProblem forward = problem.Forward;
        RelativeSums first = new(forward, lanes);
        nint distance = forward.TableFloats;
        (int heads, int headSize, int valueSize) = (forward.Attention.Heads, forward.Attention.HeadSize, forward.Attention.ValueSize);
        GradientFold<TSimd, TVector>.Run(
            first.KeyTable, problem.KeyTableGradient, 1, forward.KeyTableHeads, forward.TableRows, headSize, distance, count, threads);
        GradientFold<TSimd, TVector>.Run(
            first.ValueTable, problem.ValueTableGradient, 1, 1, forward.TableRows, valueSize, distance, count, threads);
        GradientFold<TSimd, TVector>.Run(first.ContentBias, problem.ContentBiasGradient, 1, heads, 1, headSize, distance, count, threads);
        GradientFold<TSimd, TVector>.Run(first.PositionBias, problem.PositionBiasGradient, 1, heads, 1, headSize, distance, count, threads);
    }
}
