using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Cuts the rows of a cross entropy for the threads.</summary>
internal readonly struct CrossEntropyJob(in CrossEntropyProblem problem, bool isBackward, int threads) : IWidthJob
{
    private readonly CrossEntropyProblem _problem = problem;

    public void Run<TSimd, TVector>()
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        PanelCut cut = new(_problem.Rows, _problem.Classes, _problem.Classes, PanelCut.PieceElements);
        if (isBackward)
        {
            WorkerTeam.Run(new CrossEntropyGradient<TSimd, TVector>(_problem, cut), cut.Count, threads);
        }
        else
        {
            WorkerTeam.Run(new CrossEntropyLoss<TSimd, TVector>(_problem, cut), cut.Count, threads);
        }
    }
}
