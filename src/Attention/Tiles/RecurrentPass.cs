using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Gemm;
using Attention.Operators;
using Attention.Simd;

namespace Attention.Tiles;

/// <summary>Runs the kernels of recurrences: chooses the width once, cuts the batch, hands it to the threads.</summary>
internal static unsafe class RecurrentPass
{
    /// <summary>Below this many multiply-adds a second thread costs more than it gives.</summary>
    private const double SmallWork = 1 << 18;

    internal static void Forward<TCell>(in RecurrentProblem problem, int maxDegreeOfParallelism, SimdWidth width)
        where TCell : struct, IRecurrentCell =>
        WidthJobs.Run(width, new ForwardJob<TCell>(problem, Threads<TCell>(problem, maxDegreeOfParallelism), width));

    internal static void Backward<TCell>(in RecurrentGradientProblem problem, int maxDegreeOfParallelism, SimdWidth width)
        where TCell : struct, IRecurrentCell =>
        WidthJobs.Run(width, new BackwardJob<TCell>(problem, Threads<TCell>(problem.Forward, maxDegreeOfParallelism), width));

    private static int Threads<TCell>(in RecurrentProblem problem, int maxDegreeOfParallelism)
        where TCell : struct, IRecurrentCell
    {
        double work = (double)problem.Positions * problem.Size * problem.Size * TCell.Gates;
        return work < SmallWork ? 1 : WorkerTeam.Threads(maxDegreeOfParallelism);
    }

    /// <summary>Tensor spans refuse another stride than 0 along an axis of length 1.</summary>
    private static nint Stride(nint length, nint stride) => length == 1 ? 0 : stride;

    private readonly struct ForwardJob<TCell>(RecurrentProblem problem, int threads, SimdWidth width) : IWidthJob
        where TCell : struct, IRecurrentCell
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            // Every step reads the weight by its columns. For more than one it is transposed first, so that the products find them
            // side by side and need not pack them each time.
            // Its rows are an odd number of cache lines apart: at whole pages they would all fall into the same sets of the cache.
            nint gates = (nint)TCell.Gates * problem.Size;
            nint step = (TilePlan.RoundUp((int)gates, ScoreRow.CacheLine) / ScoreRow.CacheLine | 1) * ScoreRow.CacheLine;
            bool transposes = problem.Length > 1;
            using Scratch.Rental rental = Scratch.Rent(transposes ? step * problem.Size : 0);
            if (transposes)
            {
                Transpose(gates, rental.Memory, step);
            }

            int pieces = RecurrentRows.Pieces(problem.Batch);
            RecurrentForward<TSimd, TVector, TCell> action = new(
                problem, transposes ? rental.Memory : problem.Weight.Address, transposes ? step : 1,
                transposes ? 1 : problem.Weight.RowStride, pieces == 1 ? threads : 1);
            WorkerTeam.Run(action, pieces, threads);
        }

        private void Transpose(nint gates, float* destination, nint step)
        {
            nint size = problem.Size;
            nint stride = problem.Weight.RowStride;
            ReadOnlyTensorSpan<float> weight = new(
                problem.Weight.Address, (gates - 1) * stride + size, [size, gates], [Stride(size, 1), Stride(gates, stride)]);
            Elementwise.Accumulate(weight, new TensorSpan<float>(destination, (size - 1) * step + gates, [size, gates], [Stride(size, step), Stride(gates, 1)]), 1, 0, threads, width);
        }
    }

    private readonly struct BackwardJob<TCell>(RecurrentGradientProblem problem, int threads, SimdWidth width) : IWidthJob
        where TCell : struct, IRecurrentCell
    {
        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            RecurrentProblem forward = problem.Forward;
            nint size = forward.Size;
            nint positions = forward.Positions;
            bool hasReset = TCell.DirectGates < TCell.Gates;
            bool isWanted = problem.WeightGradient.IsPresent || problem.BiasGradient != null;
            using Scratch.Rental rental = Scratch.Rent(isWanted ? positions * size * (TCell.Gates + (hasReset ? 2 : 1)) : 0);
            RecurrentGradientProblem located = problem;
            located.Gates = isWanted ? rental.Memory : null;
            located.Previous = rental.Memory + positions * size * TCell.Gates;
            located.Reset = located.Previous + positions * size;
            int pieces = RecurrentRows.Pieces(forward.Batch);
            WorkerTeam.Run(new RecurrentBackward<TSimd, TVector, TCell>(located, pieces == 1 ? threads : 1), pieces, threads);
            if (problem.WeightGradient.IsPresent)
            {
                AddUp<TSimd, TVector>(located, positions, 0, TCell.DirectGates, located.Previous);
                AddUp<TSimd, TVector>(located, positions, TCell.DirectGates, TCell.Gates, located.Reset);
            }

            if (problem.BiasGradient != null)
            {
                nint gates = TCell.Gates * size;
                Elementwise.Sum(
                    new ReadOnlyTensorSpan<float>(located.Gates, positions * gates, [positions, gates]),
                    new TensorSpan<float>(problem.BiasGradient, gates), 1, 0, threads, width);
            }
        }

        /// <summary>Some gates' rows of the weight's gradient: gradients^T states, over all positions.</summary>
        private void AddUp<TSimd, TVector>(in RecurrentGradientProblem located, nint positions, int firstGate, int endGate, float* states)
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            nint size = located.Forward.Size;
            GemmProblem product = new()
            {
                Rows = (endGate - firstGate) * size,
                Columns = size,
                Depth = positions,
                Left = located.Gates + firstGate * size,
                LeftRow = 1,
                LeftColumn = TCell.Gates * size,
                Right = states,
                RightRow = size,
                RightColumn = 1,
                Destination = located.WeightGradient.Address + firstGate * size * located.WeightGradient.RowStride,
                DestinationRow = located.WeightGradient.RowStride,
                DestinationColumn = 1,
                Alpha = 1,
            };
            GemmKernel.Multiply<TSimd, TVector>(product, threads);
        }
    }
}
