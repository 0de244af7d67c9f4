using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using Attention.Execution;

namespace Attention.Tiles;

/// <summary>The coverage loss, sequence by sequence: the coverage is one row, which grows from step to step and shrinks on the way back.</summary>
internal static unsafe class CoveragePass
{
    internal static void Forward(
        in ReadOnlyTensorSpan<float> alignments, in ReadOnlyTensorSpan<float> initialCoverage, in TensorSpan<float> losses)
    {
        int keys = (int)alignments.Lengths[2];
        using Scratch.Rental memory = Scratch.Rent(keys);
        fixed (float* alignmentAddress = alignments, initialAddress = initialCoverage, lossAddress = losses)
        {
            for (nint batch = 0; batch < alignments.Lengths[0]; batch++)
            {
                Start(initialAddress, initialCoverage, batch, memory.Memory, keys);
                for (nint step = 0; step < alignments.Lengths[1]; step++)
                {
                    float* row = alignmentAddress + batch * alignments.Strides[0] + step * alignments.Strides[1];
                    lossAddress[batch * losses.Strides[0] + step * losses.Strides[1]] = Step(row, memory.Memory, keys);
                }
            }
        }
    }

    internal static void Backward(
        in ReadOnlyTensorSpan<float> alignments, in ReadOnlyTensorSpan<float> initialCoverage, in ReadOnlyTensorSpan<float> lossGradients,
        in TensorSpan<float> alignmentGradient, in TensorSpan<float> initialCoverageGradient)
    {
        int keys = (int)alignments.Lengths[2];
        using Scratch.Rental memory = Scratch.Rent((nint)2 * keys);
        float* coverage = memory.Memory;
        float* later = coverage + keys;
        fixed (float* alignmentAddress = alignments, initialAddress = initialCoverage, lossAddress = lossGradients)
        fixed (float* gradientAddress = alignmentGradient, initialGradientAddress = initialCoverageGradient)
        {
            for (nint batch = 0; batch < alignments.Lengths[0]; batch++)
            {
                // Forwards, whether the coverage is the smaller one goes where the gradient will be: 1 or 0.
                Start(initialAddress, initialCoverage, batch, coverage, keys);
                for (nint step = 0; step < alignments.Lengths[1]; step++)
                {
                    float* row = alignmentAddress + batch * alignments.Strides[0] + step * alignments.Strides[1];
                    float* gradient = gradientAddress + batch * alignmentGradient.Strides[0] + step * alignmentGradient.Strides[1];
                    Choose(row, coverage, gradient, keys);
                }

                RowOperations.Clear(later, keys);
                for (nint step = alignments.Lengths[1] - 1; step >= 0; step--)
                {
                    float* gradient = gradientAddress + batch * alignmentGradient.Strides[0] + step * alignmentGradient.Strides[1];
                    Return(lossAddress[batch * lossGradients.Strides[0] + step * lossGradients.Strides[1]], gradient, later, keys);
                }

                if (initialCoverageGradient.Rank != 0)
                {
                    new ReadOnlySpan<float>(later, keys).CopyTo(new Span<float>(initialGradientAddress + batch * initialCoverageGradient.Strides[0], keys));
                }
            }
        }
    }

    private static void Start(float* address, in ReadOnlyTensorSpan<float> initial, nint batch, float* coverage, int keys)
    {
        if (initial.Rank == 0)
        {
            RowOperations.Clear(coverage, keys);
            return;
        }

        new ReadOnlySpan<float>(address + batch * initial.Strides[0], keys).CopyTo(new Span<float>(coverage, keys));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Step(float* alignment, float* coverage, int keys)
    {
        float loss = 0f;
        for (int key = 0; key < keys; key++)
        {
            loss += coverage[key] < alignment[key] ? coverage[key] : alignment[key];
            coverage[key] += alignment[key];
        }

        return loss;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Choose(float* alignment, float* coverage, float* choice, int keys)
    {
        for (int key = 0; key < keys; key++)
        {
            choice[key] = coverage[key] < alignment[key] ? 1f : 0f;
            coverage[key] += alignment[key];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Return(float lossGradient, float* gradient, float* later, int keys)
    {
        for (int key = 0; key < keys; key++)
        {
            bool isCoverage = gradient[key] != 0f;
            gradient[key] = later[key] + (isCoverage ? 0f : lossGradient);
            later[key] += isCoverage ? lossGradient : 0f;
        }
    }
}
