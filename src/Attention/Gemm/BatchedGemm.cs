using System.Runtime.Intrinsics;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Gemm;

/// <summary>Chooses the width, and whether threads divide the batch or each of its products.</summary>
internal static class BatchedGemm
{
    /// <summary>Products per thread from which on each thread takes whole ones.</summary>
    private const int WholeProductsPerThread = 4;

    /// <summary>Pieces per thread that the batch is dealt out in.</summary>
    private const int PiecesPerThread = 8;

    /// <summary>Computes every product of <paramref name="batch"/>.</summary>
    internal static void Multiply(in GemmProblem problem, in GemmBatch batch, in MatrixProductOptions options)
    {
        int threads = WorkerTeam.Threads(options.MaxDegreeOfParallelism);
        switch (SimdWidths.Resolve(options.Width))
        {
            case SimdWidth.Vector512:
                Multiply<Simd512, Vector512<float>>(problem, batch, threads);
                break;
            case SimdWidth.Vector256:
                Multiply<Simd256, Vector256<float>>(problem, batch, threads);
                break;
            case SimdWidth.Vector128:
                Multiply<Simd128, Vector128<float>>(problem, batch, threads);
                break;
            default:
                Multiply<SimdScalar, float>(problem, batch, threads);
                break;
        }
    }

    private static void Multiply<TSimd, TVector>(in GemmProblem problem, in GemmBatch batch, int threads)
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        nint count = batch.Count;
        if (count == 1)
        {
            GemmKernel.Multiply<TSimd, TVector>(problem, threads);
            return;
        }

        int threadsPerProduct = GemmPlan.ThreadsWorth(problem.Work, threads);
        if (threadsPerProduct > 1 && count < threads * WholeProductsPerThread)
        {
            for (nint item = 0; item < count; item++)
            {
                GemmKernel.Multiply<TSimd, TVector>(batch.At(problem, item), threads);
            }

            return;
        }

        threads = GemmPlan.ThreadsWorth(problem.Work * count, threads);
        int pieces = (int)nint.Min(count, threads * PiecesPerThread);
        WorkerTeam.Run(new Share<TSimd, TVector>(problem, batch, count, pieces), pieces, threads);
    }

    /// <summary>Deals the products of a batch out in even runs.</summary>
    private readonly struct Share<TSimd, TVector>(GemmProblem problem, GemmBatch batch, nint count, int pieces) : IParallelAction
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        public void Invoke(int index)
        {
            nint end = count * (index + 1) / pieces;
            for (nint item = count * index / pieces; item < end; item++)
            {
                GemmKernel.Multiply<TSimd, TVector>(batch.At(problem, item), threads: 1);
            }
        }
    }
}
