using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Adds rows of sums, <c>[rows, columns]</c>, into the first of them, in order.</summary>
internal readonly unsafe struct FoldJob(float* sums, nint columns, nint rows, int threads) : IWidthJob
{
    public void Run<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        FoldPieces<TSimd, TVector> fold = new(sums, columns, rows);
        WorkerTeam.Run(fold, fold.Count, threads);
    }
}
