using Attention.Simd;

namespace Attention.Gemm;

/// <summary>The product of one pair of matrices, cut into groups; the way in for the floors above that hold pointers.</summary>
internal static unsafe class GemmKernel
{
    /// <summary>Computes <paramref name="problem"/> with at most <paramref name="threads"/> threads.</summary>
    internal static void Multiply<TSimd, TVector>(in GemmProblem problem, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        if (problem.Rows == 0 || problem.Columns == 0)
        {
            return;
        }

        if (problem.Depth == 0 || problem.Alpha == 0)
        {
            if (problem.Start is null)
            {
                TileUpdate.Scale(problem);
            }
            else
            {
                TileUpdate.Fill<TSimd, TVector>(
                    problem.Start, problem.StartRow, problem.StartColumn, problem.Rows, problem.Columns,
                    problem.Destination, problem.DestinationRow, problem.DestinationColumn);
            }

            return;
        }

        if (problem.DestinationColumn != 1 && problem.DestinationRow == 1)
        {
            MultiplyInGroups<TSimd, TVector>(problem.Transposed(), threads);
        }
        else
        {
            MultiplyInGroups<TSimd, TVector>(problem, threads);
        }
    }

    private static void MultiplyInGroups<TSimd, TVector>(in GemmProblem problem, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        GemmPlan plan = GemmPlan.For<TSimd, TVector>(problem, threads);
        for (nint column = 0; column < problem.Columns; column += plan.GroupColumns)
        {
            nint columns = nint.Min(plan.GroupColumns, problem.Columns - column);
            for (nint step = 0; step < problem.Depth; step += plan.GroupDepth)
            {
                nint steps = nint.Min(plan.GroupDepth, problem.Depth - step);
                GemmGroup<TSimd, TVector>.Run(problem, plan, column, columns, step, steps);
            }
        }
    }
}
