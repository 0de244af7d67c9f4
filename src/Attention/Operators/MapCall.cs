using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>From checked tensors to the loop that computes one from one or two others.</summary>
internal static unsafe class MapCall
{
    /// <summary><c>destination = function(left, right) + beta destination</c>, both broadcast.</summary>
    internal static void Run<TFunction>(
        in TFunction function,
        in ReadOnlyTensorSpan<float> left,
        in ReadOnlyTensorSpan<float> right,
        in TensorSpan<float> destination,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
        where TFunction : struct, IElementFunction
    {
        if (destination.FlattenedLength == 0)
        {
            return;
        }

        fixed (float* leftAddress = left, rightAddress = right, destinationAddress = destination)
        {
            using Scratch.Rental memory = Scratch.Rent(LoopAxes.FloatsNeeded(destination.Rank));
            LoopAxes axes = new(memory.Memory, destination.Lengths);
            axes.Set(LoopAxes.First, destinationAddress, destination);
            axes.Set(LoopAxes.Second, leftAddress, left);
            if (TFunction.TakesTwo)
            {
                axes.Set(LoopAxes.Third, rightAddress, right);
            }

            axes.ArrangeByMemory(LoopAxes.First);
            PanelLoop.Run(axes, new MapKernel<TFunction>(function, beta), maxDegreeOfParallelism, width);
        }
    }
}
