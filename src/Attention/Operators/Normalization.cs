using System.Numerics.Tensors;
using Attention.Simd;

namespace Attention.Operators;

/// <summary>Normalises the rows of a tensor, that is along its last axis, then scales and shifts them.</summary>
/// <remarks>
/// Mean and variance take two passes over the row, and the second one corrects the mean of the first: rows far from 0 lose
/// nothing to cancellation. A row with NaN is NaN. The bits depend on shape and vector width, and not on the number
/// of threads; those of a row of the output not on the other rows. Nothing is allocated once the working memory has grown.
/// </remarks>
public static class Normalization
{
    /// <summary>Computes <c>output = normalised(input) weight + bias</c>, row by row.</summary>
    /// <param name="kind">Layer normalisation, or that by the root of the mean square.</param>
    /// <param name="input">The rows, <c>[..., size]</c>, their elements side by side.</param>
    /// <param name="weight">The factors, <c>[size]</c>; none stands for ones.</param>
    /// <param name="bias">What is added, <c>[size]</c>; none stands for zeros.</param>
    /// <param name="epsilon">Added to the variance or mean square, inside the root.</param>
    /// <param name="output">Receives the result, <c>[..., size]</c>. It may be <paramref name="input"/> itself.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="kind"/> is unknown, <paramref name="epsilon"/> is negative or not finite, or
    /// <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit; the last axis of a tensor is not contiguous; the elements of the output overlap each other; or
    /// the output overlaps weight, bias, or the input without being the same.
    /// </exception>
    public static void Forward(
        NormalizationKind kind,
        in ReadOnlyTensorSpan<float> input,
        ReadOnlySpan<float> weight,
        ReadOnlySpan<float> bias,
        float epsilon,
        in TensorSpan<float> output,
        int maxDegreeOfParallelism = 0) =>
        Forward(kind, input, weight, bias, epsilon, output, maxDegreeOfParallelism, SimdWidth.Automatic);

    /// <summary>
    /// Computes the gradients of input, weight and bias:
    /// <c>inputGradient = (g - mean(g) - n mean(g n)) / deviation + beta inputGradient</c> with <c>g = outputGradient weight</c> and
    /// n the normalised row (for the root mean square without mean(g)),
    /// <c>weightGradient = sum(outputGradient n) + parameterBeta weightGradient</c>, and
    /// <c>biasGradient = sum(outputGradient) + parameterBeta biasGradient</c>, where the sums run over the rows.
    /// </summary>
    /// <param name="kind">As in <c>Forward</c>.</param>
    /// <param name="input">As in <c>Forward</c>, <c>[..., size]</c>.</param>
    /// <param name="weight">As in <c>Forward</c>, <c>[size]</c> or none.</param>
    /// <param name="epsilon">As in <c>Forward</c>.</param>
    /// <param name="outputGradient">The gradient of the output, <c>[..., size]</c>.</param>
    /// <param name="inputGradient">
    /// Receives the gradient of the input, <c>[..., size]</c>, or has no axes if it is not wanted. It may be
    /// <paramref name="outputGradient"/> or <paramref name="input"/> itself.
    /// </param>
    /// <param name="weightGradient">Receives the gradient of the weight, <c>[size]</c>, or is empty if it is not wanted.</param>
    /// <param name="biasGradient">Receives the gradient of the bias, <c>[size]</c>, or is empty if it is not wanted.</param>
    /// <param name="beta">The factor on what <paramref name="inputGradient"/> held; with zero it is not read.</param>
    /// <param name="parameterBeta">The factor on what the other two gradients held; with zero they are not read.</param>
    /// <param name="maxDegreeOfParallelism">How many threads may work at once; 0 means one for each processor.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="kind"/> is unknown, <paramref name="epsilon"/> is negative or not finite, or
    /// <paramref name="maxDegreeOfParallelism"/> is negative.
    /// </exception>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit; the last axis of a tensor is not contiguous; the elements of the input gradient overlap each
    /// other; or what is written overlaps something else without being allowed to.
    /// </exception>
    public static void Backward(
        NormalizationKind kind,
        in ReadOnlyTensorSpan<float> input,
        ReadOnlySpan<float> weight,
        float epsilon,
        in ReadOnlyTensorSpan<float> outputGradient,
        in TensorSpan<float> inputGradient,
        Span<float> weightGradient,
        Span<float> biasGradient,
        float beta = 0,
        float parameterBeta = 0,
        int maxDegreeOfParallelism = 0) =>
        Backward(
            kind, input, weight, epsilon, outputGradient, inputGradient, weightGradient, biasGradient, beta, parameterBeta,
            maxDegreeOfParallelism, SimdWidth.Automatic);

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
        Check(kind, input, weight, epsilon, maxDegreeOfParallelism);
        OperatorCheck.Length(bias.Length, input.Lengths[^1], mayBeAbsent: true, nameof(bias), "one for each column");
        OperatorCheck.SameShape(output, nameof(output), input, nameof(input));
        OperatorCheck.Rows(output, nameof(output));
        OperatorCheck.Written(output, nameof(output));
        OperatorCheck.SameOrDisjoint(output, nameof(output), input, nameof(input));
        OperatorCheck.Disjoint(output, nameof(output), weight, nameof(weight));
        OperatorCheck.Disjoint(output, nameof(output), bias, nameof(bias));
        NormalizationCall.Forward(kind, input, weight, bias, epsilon, output, maxDegreeOfParallelism, width);
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
        Check(kind, input, weight, epsilon, maxDegreeOfParallelism);
        OperatorCheck.SameShape(outputGradient, nameof(outputGradient), input, nameof(input));
        OperatorCheck.Rows(outputGradient, nameof(outputGradient));
        if (inputGradient.Rank != 0)
        {
            OperatorCheck.SameShape(inputGradient, nameof(inputGradient), input, nameof(input));
            OperatorCheck.Rows(inputGradient, nameof(inputGradient));
            OperatorCheck.Written(inputGradient, nameof(inputGradient));
            OperatorCheck.SameOrDisjoint(inputGradient, nameof(inputGradient), input, nameof(input));
            OperatorCheck.SameOrDisjoint(inputGradient, nameof(inputGradient), outputGradient, nameof(outputGradient));
            OperatorCheck.Disjoint(inputGradient, nameof(inputGradient), weight, nameof(weight));
        }

        CheckParameterGradient(weightGradient, nameof(weightGradient), input, weight, outputGradient, inputGradient);
        CheckParameterGradient(biasGradient, nameof(biasGradient), input, weight, outputGradient, inputGradient);
        OperatorCheck.Disjoint(biasGradient, nameof(biasGradient), weightGradient, nameof(weightGradient));
        NormalizationCall.Backward(
            kind, input, weight, epsilon, outputGradient, inputGradient, weightGradient, biasGradient, beta, parameterBeta,
            maxDegreeOfParallelism, width);
    }

    private static void Check(
        NormalizationKind kind, in ReadOnlyTensorSpan<float> input, ReadOnlySpan<float> weight, float epsilon, int maxDegreeOfParallelism)
    {
        if (kind is not (NormalizationKind.Layer or NormalizationKind.RootMeanSquare))
        {
            Throw.OutOfRange(nameof(kind), kind, $"'{nameof(kind)}' is {kind}; expected a defined normalisation.");
        }

        OperatorCheck.Threads(maxDegreeOfParallelism);
        OperatorCheck.NotNegative(epsilon, nameof(epsilon));
        OperatorCheck.Rows(input, nameof(input));
        OperatorCheck.Length(weight.Length, input.Lengths[^1], mayBeAbsent: true, nameof(weight), "one for each column");
    }

    private static void CheckParameterGradient(
        ReadOnlySpan<float> gradient,
        string name,
        in ReadOnlyTensorSpan<float> input,
        ReadOnlySpan<float> weight,
        in ReadOnlyTensorSpan<float> outputGradient,
        in ReadOnlyTensorSpan<float> inputGradient)
    {
        OperatorCheck.Length(gradient.Length, input.Lengths[^1], mayBeAbsent: true, name, "one for each column");
        OperatorCheck.Disjoint(gradient, name, weight, nameof(weight));
        OperatorCheck.Disjoint(gradient, name, input, nameof(input));
        OperatorCheck.Disjoint(gradient, name, outputGradient, nameof(outputGradient));
        OperatorCheck.Disjoint(gradient, name, inputGradient, nameof(inputGradient));
    }
}
