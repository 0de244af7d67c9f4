using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>
/// A sum over some axes: the elements that go into one sum are cut into chunks of a fixed size, whose sums go to scratch
/// memory and are added in order. So there is work for all threads even if one number comes out, and long sums err less.
/// </summary>
internal static unsafe class SumCall
{
    /// <summary>Summed along contiguous memory, a chunk is a long run.</summary>
    private const nint RunChunk = 1 << 14;

    /// <summary>Summed across it, as rows into one row: enough that the chunks' sums are small beside the source.</summary>
    private const nint RowChunk = 256;

    internal static void Run(
        in ReadOnlyTensorSpan<float> source,
        in TensorSpan<float> destination,
        float alpha,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        if (destination.FlattenedLength == 0)
        {
            return;
        }

        if (source.FlattenedLength == 0)
        {
            float zero = 0f;
            ReadOnlyTensorSpan<float> none = new(new ReadOnlySpan<float>(in zero));
            MapCall.Run(new ScaleFunction(1f), none, default, destination, beta, maxDegreeOfParallelism, width);
            return;
        }

        fixed (float* sourceAddress = source, destinationAddress = destination)
        {
            nint axisFloats = LoopAxes.FloatsNeeded(source.Rank);
            using Scratch.Rental memory = Scratch.Rent(2 * axisFloats);
            LoopAxes kept = Axes(memory.Memory, sourceAddress, source, destinationAddress, destination);
            LoopAxes summed = Axes(memory.Memory + axisFloats, sourceAddress, source, destinationAddress, destination);
            kept.KeepWhere(LoopAxes.First, moves: true);
            summed.KeepWhere(LoopAxes.First, moves: false);
            kept.ArrangeByMemory(LoopAxes.Second);
            summed.ArrangeByMemory(LoopAxes.Second);

            MapKernel<ScaleFunction> write = new(new ScaleFunction(alpha), beta);
            if (summed.Elements == 1)
            {
                PanelLoop.Run(kept, write, maxDegreeOfParallelism, width);
                return;
            }

            bool alongRuns = summed.LastStride(LoopAxes.Second) <= kept.LastStride(LoopAxes.Second);
            nint chunk = Math.Min(alongRuns ? RunChunk : RowChunk, summed.Elements);
            nint chunks = PanelCut.Blocks(summed.Elements, chunk);
            using Scratch.Rental partial = Scratch.Rent(chunks * kept.Elements);
            SumPlan plan = new(kept, summed, partial.Memory, chunk, (int)chunks, alongRuns);
            int threads = WidthJobs.Threads(kept.Elements * summed.Elements, maxDegreeOfParallelism);
            WidthJobs.Run(width, new Job(plan, threads));

            kept.SetRowMajor(LoopAxes.Second, partial.Memory);
            PanelLoop.Run(kept, write, maxDegreeOfParallelism, width);
        }
    }

    private static LoopAxes Axes(
        float* memory, float* sourceAddress, in ReadOnlyTensorSpan<float> source, float* destinationAddress, in TensorSpan<float> destination)
    {
        LoopAxes axes = new(memory, source.Lengths);
        axes.Set(LoopAxes.First, destinationAddress, destination);
        axes.Set(LoopAxes.Second, sourceAddress, source);
        return axes;
    }

    private readonly struct Job(in SumPlan plan, int threads) : IWidthJob
    {
        private readonly SumPlan _plan = plan;

        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged
        {
            WorkerTeam.Run(new SumPieces<TSimd, TVector>(_plan), checked(_plan.Cut.Count * _plan.Chunks), threads);
            new FoldJob(_plan.Partial, _plan.Kept.Elements, _plan.Chunks, threads).Run<TSimd, TVector>();
        }
    }
}
