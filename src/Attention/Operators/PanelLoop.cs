using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Runs a kernel over all elements of some axes: cuts them into panels by their sizes alone, hands those to threads.</summary>
internal static class PanelLoop
{
    internal static void Run<TKernel>(in LoopAxes axes, in TKernel kernel, int maxDegreeOfParallelism, SimdWidth width)
        where TKernel : struct, IPanelKernel =>
        WidthJobs.Run(
            width, new Job<TKernel>(axes, kernel, new PanelCut(axes), WidthJobs.Threads(axes.Elements, maxDegreeOfParallelism)));

    /// <summary>The same with panels of whole rows, for kernels that need all of a row at once.</summary>
    internal static void RunRows<TKernel>(in LoopAxes axes, in TKernel kernel, int maxDegreeOfParallelism, SimdWidth width)
        where TKernel : struct, IPanelKernel
    {
        PanelCut cut = new(axes.Rows, axes.Columns, axes.Columns, PanelCut.PieceElements);
        WidthJobs.Run(width, new Job<TKernel>(axes, kernel, cut, WidthJobs.Threads(axes.Elements, maxDegreeOfParallelism)));
    }

    private readonly struct Job<TKernel>(in LoopAxes axes, in TKernel kernel, in PanelCut cut, int threads) : IWidthJob
        where TKernel : struct, IPanelKernel
    {
        private readonly LoopAxes _axes = axes;
        private readonly TKernel _kernel = kernel;
        private readonly PanelCut _cut = cut;

        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new Pieces<TSimd, TVector, TKernel>(_axes, _kernel, _cut), _cut.Count, threads);
    }

    private readonly struct Pieces<TSimd, TVector, TKernel>(in LoopAxes axes, in TKernel kernel, in PanelCut cut) : IParallelAction
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
        where TKernel : struct, IPanelKernel
    {
        private readonly LoopAxes _axes = axes;
        private readonly TKernel _kernel = kernel;
        private readonly PanelCut _cut = cut;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int index)
        {
            (nint row, nint rowEnd, nint column, nint columns) = _cut.At(index);
            while (row < rowEnd)
            {
                Panel panel = _axes.Locate(row, rowEnd - row, column, columns);
                _kernel.Invoke<TSimd, TVector>(panel);
                row += panel.Rows;
            }
        }
    }
}
