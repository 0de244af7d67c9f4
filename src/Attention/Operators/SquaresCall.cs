using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Attention.Execution;
using Attention.Numerics;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>The sum of the squares of a tensor: of short runs in float, of those in double, in a fixed order.</summary>
internal static unsafe class SquaresCall
{
    /// <summary>Numbers that are summed in float: few enough that a run costs no more than some roundings per lane.</summary>
    private const int RunLength = 1024;

    /// <summary>Outside of these bounds squares of the run may have been lost or have overflowed, and it is done again in double.</summary>
    private const float LeastTrusted = 1e-25f;
    private const float MostTrusted = 1e37f;

    internal static double Run(in ReadOnlyTensorSpan<float> source, int maxDegreeOfParallelism, SimdWidth width)
    {
        if (source.FlattenedLength == 0)
        {
            return 0;
        }

        fixed (float* address = source)
        {
            using Scratch.Rental memory = Scratch.Rent(LoopAxes.FloatsNeeded(source.Rank));
            LoopAxes axes = new(memory.Memory, source.Lengths);
            axes.Set(LoopAxes.First, address, source);
            axes.ArrangeByMemory(LoopAxes.First);
            PanelCut cut = new(axes);
            using Scratch.Rental rental = Scratch.Rent((nint)cut.Count * (sizeof(double) / sizeof(float)));
            double* sums = (double*)rental.Memory;
            WidthJobs.Run(width, new Job(axes, cut, sums, WidthJobs.Threads(axes.Elements, maxDegreeOfParallelism)));
            double sum = 0;
            for (int index = 0; index < cut.Count; index++)
            {
                sum += sums[index];
            }

            return sum;
        }
    }

    private readonly struct Job(in LoopAxes axes, in PanelCut cut, double* sums, int threads) : IWidthJob
    {
        private readonly LoopAxes _axes = axes;
        private readonly PanelCut _cut = cut;

        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new Pieces<TSimd, TVector>(_axes, _cut, sums), _cut.Count, threads);
    }

    private readonly struct Pieces<TSimd, TVector>(in LoopAxes axes, in PanelCut cut, double* sums) : IParallelAction
        where TSimd : struct, ISimd<TVector>
        where TVector : unmanaged
    {
        private readonly LoopAxes _axes = axes;
        private readonly PanelCut _cut = cut;

        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        public void Invoke(int index)
        {
            (nint row, nint rowEnd, nint column, nint columns) = _cut.At(index);
            double sum = 0;
            while (row < rowEnd)
            {
                Panel panel = _axes.Locate(row, rowEnd - row, column, columns);
                for (nint panelRow = 0; panelRow < panel.Rows; panelRow++)
                {
                    sum += OfRow(panel.First.At(panelRow, 0), panel.First.ColumnStride, columns);
                }

                row += panel.Rows;
            }

            sums[index] = sum;
        }

        private static double OfRow(float* values, nint stride, nint count)
        {
            double sum = 0;
            for (nint first = 0; first < count; first += RunLength)
            {
                nint length = Math.Min(RunLength, count - first);
                float* run = values + first * stride;
                float squares = stride == 1 ? Reductions.SumOfSquares<TSimd, TVector>(run, length) : 0f;
                sum += squares is > LeastTrusted and < MostTrusted ? squares : OneByOne(run, stride, length);
            }

            return sum;
        }

        private static double OneByOne(float* values, nint stride, nint count)
        {
            double sum = 0;
            for (nint index = 0; index < count; index++)
            {
                double value = values[index * stride];
                sum += value * value;
            }

            return sum;
        }
    }
}
