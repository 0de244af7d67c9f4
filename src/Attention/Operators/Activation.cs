using System.Numerics.Tensors;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Activation functions, element by element, and their gradients.</summary>
/// <remarks>
/// The limits at infinity are kept: <see cref="ActivationKind.Gelu"/>, <see cref="ActivationKind.GeluTanh"/> and
/// <see cref="ActivationKind.Silu"/> of negative infinity are 0. NaN gives NaN. Tensors may have any strides. The bits
/// depend on the vector width and not on the number of threads. Nothing is allocated once the working memory has grown.
/// </remarks>
public static class Activation
{
    /// <summary>Computes <c>output = f(input)</c>.</summary>
    /// <param name="kind">The function.</param>
    /// <param name="input">The arguments, of any shape.</param>
    /// <param name="output">Receives the values, of the same shape. It may be <paramref name="input"/> itself.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="kind"/> is unknown, or <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// A tensor has no axes; the shapes differ; the elements of the output overlap each other; or the output overlaps the
    /// input without being the same.
    /// </exception>
    public static void Forward(
        ActivationKind kind, in ReadOnlyTensorSpan<float> input, in TensorSpan<float> output, int maxDegreeOfParallelism = 0) =>
        Forward(kind, input, output, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>Computes <c>inputGradient = f'(input) outputGradient + beta inputGradient</c>.</summary>
    /// <param name="kind">The function. The derivative of <see cref="ActivationKind.Relu"/> at 0 is 0.</param>
    /// <param name="input">What <c>Forward</c> was given, of any shape.</param>
    /// <param name="outputGradient">The gradient of the values, of the same shape.</param>
    /// <param name="inputGradient">Receives the gradient of the arguments, of the same shape. It may be one of the others itself.</param>
    /// <param name="beta">The factor on what <paramref name="inputGradient"/> held; with zero it is not read.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="kind"/> is unknown, or <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// A tensor has no axes; the shapes differ; the elements of <paramref name="inputGradient"/> overlap each other; or it
    /// overlaps another tensor without being the same.
    /// </exception>
    public static void Backward(
        ActivationKind kind,
        in ReadOnlyTensorSpan<float> input,
        in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> inputGradient,
        float beta = 0,
        int maxDegreeOfParallelism = 0) =>
        Backward(kind, input, outputGradient, inputGradient, beta, maxDegreeOfParallelism, SimdWidth.Automatic);

    internal static void Forward(
        ActivationKind kind, in ReadOnlyTensorSpan<float> input, in TensorSpan<float> output, int maxDegreeOfParallelism, SimdWidth width)
    {
        Kind(kind);
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Present(input, nameof(input));
        OperatorCheck.SameShape(output, nameof(output), input, nameof(input));
        OperatorCheck.Written(output, nameof(output));
        OperatorCheck.SameOrDisjoint(output, nameof(output), input, nameof(input));
        switch (kind)
        {
            case ActivationKind.Relu:
                MapCall.Run(default(ReluFunction), input, default, output, 0f, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.Gelu:
                MapCall.Run(default(GeluFunction), input, default, output, 0f, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.GeluTanh:
                MapCall.Run(default(GeluTanhFunction), input, default, output, 0f, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.Silu:
                MapCall.Run(default(SiluFunction), input, default, output, 0f, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.Sigmoid:
                MapCall.Run(default(SigmoidFunction), input, default, output, 0f, maxDegreeOfParallelism, width);
                break;
            default:
                MapCall.Run(default(TanhFunction), input, default, output, 0f, maxDegreeOfParallelism, width);
                break;
        }
    }

    internal static void Backward(
        ActivationKind kind,
        in ReadOnlyTensorSpan<float> input,
        in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> inputGradient,
        float beta,
        int maxDegreeOfParallelism,
        SimdWidth width)
    {
        Kind(kind);
        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.Present(input, nameof(input));
        OperatorCheck.SameShape(outputGradient, nameof(outputGradient), input, nameof(input));
        OperatorCheck.SameShape(inputGradient, nameof(inputGradient), input, nameof(input));
        OperatorCheck.Written(inputGradient, nameof(inputGradient));
        OperatorCheck.SameOrDisjoint(inputGradient, nameof(inputGradient), input, nameof(input));
        OperatorCheck.SameOrDisjoint(inputGradient, nameof(inputGradient), outputGradient, nameof(outputGradient));
        switch (kind)
        {
            case ActivationKind.Relu:
                MapCall.Run(default(ReluGradient), input, outputGradient, inputGradient, beta, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.Gelu:
                MapCall.Run(default(GeluGradient), input, outputGradient, inputGradient, beta, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.GeluTanh:
                MapCall.Run(default(GeluTanhGradient), input, outputGradient, inputGradient, beta, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.Silu:
                MapCall.Run(default(SiluGradient), input, outputGradient, inputGradient, beta, maxDegreeOfParallelism, width);
                break;
            case ActivationKind.Sigmoid:
                MapCall.Run(default(SigmoidGradient), input, outputGradient, inputGradient, beta, maxDegreeOfParallelism, width);
                break;
            default:
                MapCall.Run(default(TanhGradient), input, outputGradient, inputGradient, beta, maxDegreeOfParallelism, width);
                break;
        }
    }

    private static void Kind(ActivationKind kind)
    {
        if (kind is < ActivationKind.Relu or > ActivationKind.Tanh)
        {
            Throw.OutOfRange(nameof(kind), kind, $"'{nameof(kind)}' is {kind}; expected a defined activation.");
        }
    }
}
