using System.Diagnostics;
using System.Runtime.CompilerServices;
using Attention.Gemm;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>
/// A whole product <c>C = A B + beta C</c> in which a zero of A selects its row of B away: weights of hidden pairs are zeros,
/// and 0 x NaN would let what a mask hides speak.
/// </summary>
internal static unsafe class SelectiveProduct
{
    /// <summary>Computes <paramref name="problem"/>, whose B has columns side by side and whose beta is 0 or 1.</summary>
    internal static void Multiply<TSimd, TVector>(in GemmProblem problem)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        Debug.Assert(problem is { RightColumn: 1, DestinationColumn: 1, Alpha: 1, Beta: 0 or 1 }, "Other products do not occur.");
        if (IsFinite<TSimd, TVector>(problem.Right, problem.RightRow, problem.Depth, problem.Columns))
        {
            // Looking costs one pass over B; the product costs one for each row of A.
            GemmKernel.Multiply<TSimd, TVector>(problem, threads: 1);
        }
        else
        {
            Select<TSimd, TVector>(problem);
        }
    }

    /// <summary>Whether rows hold neither NaN nor infinity.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool IsFinite<TSimd, TVector>(float* rows, nint rowStride, nint count, nint size)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        // Zero times anything finite is zero; anything else makes the sum NaN.
        TVector zeros = TSimd.Zero;
        float rest = 0;
        for (nint row = 0; row < count; row++, rows += rowStride)
        {
            nint i = 0;
            for (; i <= size - TSimd.Count; i += TSimd.Count)
            {
                zeros = TSimd.MultiplyAdd(TSimd.Load(rows + i), TSimd.Zero, zeros);
            }

            for (; i < size; i++)
            {
                rest += rows[i] * 0;
            }
        }

        return TSimd.Sum(zeros) + rest == 0;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Select<TSimd, TVector>(in GemmProblem problem)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        for (nint row = 0; row < problem.Rows; row++)
        {
            float* c = problem.Destination + row * problem.DestinationRow;
            if (problem.Beta == 0)
            {
                RowOperations.Clear(c, problem.Columns);
            }

            for (nint step = 0; step < problem.Depth; step++)
            {
                float factor = problem.Left[row * problem.LeftRow + step * problem.LeftColumn];
                if (factor != 0)
                {
                    RowOperations.AddScaled<TSimd, TVector>(problem.Right + step * problem.RightRow, factor, c, problem.Columns);
                }
            }
        }
    }
}
