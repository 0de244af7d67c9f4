using System.Numerics.Tensors;
using Attention.Execution;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>From the checked arguments of a normalisation to its kernels.</summary>
internal static unsafe class NormalizationCall
{
    /// <summary>Fewest rows of a block: its sums, two rows, are to be small beside it.</summary>
    private const nint LeastBlockRows = 32;

    internal static void Forward(
        NormalizationKind kind,
        in ReadOnlyTensorSpan<float> input,
        ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias,
        float epsilon,
        in TensorSpan<float> output,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        if (input.FlattenedLength == 0)
        {
            return;
        }

        fixed (float* inputAddress = input, outputAddress = output)
        fixed (float* weightAddress = weight, biasAddress = bias)
        {
            using Scratch.Rental memory = Scratch.Rent(LoopAxes.FloatsNeeded(input.Rank));
            LoopAxes axes = new(memory.Memory, input.Lengths);
            axes.Set(LoopAxes.First, outputAddress, output);
            axes.Set(LoopAxes.Second, inputAddress, input);
            axes.ArrangeRows();
            PanelLoop.RunRows(axes, new NormalizationKernel(kind, weightAddress, biasAddress, epsilon), maxDegreeOfParallelism, width);
        }
    }

    internal static void Backward(
        NormalizationKind kind,
        in ReadOnlyTensorSpan<float> input,
        ReadOnlySpan<float> weight,
        float epsilon,
        in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> inputGradient,
        Span<float> weightGradient,
        Span<float> biasGradient,
        float beta,
        float parameterBeta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        nint columns = input.Lengths[^1];
        if (columns == 0)
        {
            return;
        }

        fixed (float* inputAddress = input, outputAddress = outputGradient, inputGradientAddress = inputGradient)
        fixed (float* weightAddress = weight)
        {
            using Scratch.Rental memory = Scratch.Rent(LoopAxes.FloatsNeeded(input.Rank));
            LoopAxes axes = new(memory.Memory, input.Lengths);
            axes.Set(LoopAxes.First, inputAddress, input);
            axes.Set(LoopAxes.Second, outputAddress, outputGradient);
            if (inputGradient.Rank != 0)
            {
                axes.Set(LoopAxes.Third, inputGradientAddress, inputGradient);
            }

            axes.ArrangeRows();
            nint blockRows = Math.Max(LeastBlockRows, PanelCut.PieceElements / columns);
            nint blocks = PanelCut.Blocks(axes.Rows, blockRows);
            nint weightSums = weightGradient.IsEmpty ? 0 : blocks * columns;
            nint biasSums = biasGradient.IsEmpty ? 0 : blocks * columns;
            using Scratch.Rental sums = Scratch.Rent(weightSums + biasSums);
            NormalizationGradientProblem problem = new()
            {
                Axes = axes,
                Kind = kind,
                Epsilon = epsilon,
                Beta = beta,
                Weight = weightAddress,
                WeightSums = weightGradient.IsEmpty ? null : sums.Memory,
                BiasSums = biasGradient.IsEmpty ? null : sums.Memory + weightSums,
                BlockRows = blockRows,
            };
            int threads = WidthJobs.Threads(axes.Elements, maxDegreeOfParallelism);
            WidthJobs.Run(width, new GradientJob(problem, checked((int)blocks), threads));
            Finish(problem.WeightSums, blocks, weightGradient, parameterBeta, threads, width);
            Finish(problem.BiasSums, blocks, biasGradient, parameterBeta, threads, width);
        }
    }

    /// <summary>Adds up the sums of the blocks in order.</summary>
    private static void Finish(float* sums, nint blocks, Span<float> gradient, float beta, int threads, SimdWidth width)
    {
        if (gradient.IsEmpty)
        {
            return;
        }

        if (blocks == 0)
        {
            float zero = 0f;
            ReadOnlyTensorSpan<float> none = new(new ReadOnlySpan<float>(in zero));
            MapCall.Run(new ScaleFunction(1f), none, default, new TensorSpan<float>(gradient), beta, threads, width);
            return;
        }

        WidthJobs.Run(width, new FoldJob(sums, gradient.Length, blocks, threads));
        ReadOnlyTensorSpan<float> sum = new(new ReadOnlySpan<float>(sums, gradient.Length));
        MapCall.Run(new ScaleFunction(1f), sum, default, new TensorSpan<float>(gradient), beta, threads, width);
    }

    private readonly struct GradientJob(in NormalizationGradientProblem problem, int blocks, int threads) : IWidthJob
    {
        private readonly NormalizationGradientProblem _problem = problem;

        public void Run<TSimd, TVector>()
            where TSimd : struct, ISimd<TVector>
            where TVector : unmanaged =>
            WorkerTeam.Run(new NormalizationGradient<TSimd, TVector>(_problem), blocks, threads);
    }
}
