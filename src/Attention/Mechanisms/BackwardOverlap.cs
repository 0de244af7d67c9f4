using System.Diagnostics;
using System.Numerics.Tensors;

namespace Attention.Mechanisms;

/// <summary>Refuses gradients that share memory with anything the backward pass reads, or with each other.</summary>
[StackTraceHidden]
internal static class BackwardOverlap
{
    internal static void CheckAll(
        in ReadOnlyTensorSpan<float> queryGradient, in ReadOnlyTensorSpan<float> keyGradient, in ReadOnlyTensorSpan<float> valueGradient,
        in ReadOnlyTensorSpan<float> biasGradient,
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> bias, in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient)
    {
        const string TermGradients = "termGradients";
        Check(queryGradient, nameof(queryGradient), query, key, value, bias, output, logSumExp, outputGradient, logSumExpGradient);
        Check(keyGradient, nameof(keyGradient), query, key, value, bias, output, logSumExp, outputGradient, logSumExpGradient);
        Check(valueGradient, nameof(valueGradient), query, key, value, bias, output, logSumExp, outputGradient, logSumExpGradient);
        Check(biasGradient, TermGradients, query, key, value, bias, output, logSumExp, outputGradient, logSumExpGradient);
        Guard.Disjoint(keyGradient, nameof(keyGradient), queryGradient, nameof(queryGradient));
        Guard.Disjoint(valueGradient, nameof(valueGradient), queryGradient, nameof(queryGradient));
        Guard.Disjoint(valueGradient, nameof(valueGradient), keyGradient, nameof(keyGradient));
        Guard.Disjoint(biasGradient, TermGradients, queryGradient, nameof(queryGradient));
        Guard.Disjoint(biasGradient, TermGradients, keyGradient, nameof(keyGradient));
        Guard.Disjoint(biasGradient, TermGradients, valueGradient, nameof(valueGradient));
    }

    internal static void CheckMerge(
        in ReadOnlyTensorSpan<float> firstOutputGradient, in ReadOnlyTensorSpan<float> firstLogSumExpGradient,
        in ReadOnlyTensorSpan<float> secondOutputGradient, in ReadOnlyTensorSpan<float> secondLogSumExpGradient,
        in ReadOnlyTensorSpan<float> firstOutput, in ReadOnlyTensorSpan<float> firstLogSumExp,
        in ReadOnlyTensorSpan<float> secondOutput, in ReadOnlyTensorSpan<float> secondLogSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient)
    {
        CheckPart(firstOutputGradient, nameof(firstOutputGradient), firstOutput, firstLogSumExp, secondOutput, secondLogSumExp, outputGradient, logSumExpGradient);
        CheckPart(firstLogSumExpGradient, nameof(firstLogSumExpGradient), firstOutput, firstLogSumExp, secondOutput, secondLogSumExp, outputGradient, logSumExpGradient);
        CheckPart(secondOutputGradient, nameof(secondOutputGradient), firstOutput, firstLogSumExp, secondOutput, secondLogSumExp, outputGradient, logSumExpGradient);
        CheckPart(secondLogSumExpGradient, nameof(secondLogSumExpGradient), firstOutput, firstLogSumExp, secondOutput, secondLogSumExp, outputGradient, logSumExpGradient);
        Guard.Disjoint(firstLogSumExpGradient, nameof(firstLogSumExpGradient), firstOutputGradient, nameof(firstOutputGradient));
        Guard.Disjoint(secondOutputGradient, nameof(secondOutputGradient), firstOutputGradient, nameof(firstOutputGradient));
        Guard.Disjoint(secondOutputGradient, nameof(secondOutputGradient), firstLogSumExpGradient, nameof(firstLogSumExpGradient));
        Guard.Disjoint(secondLogSumExpGradient, nameof(secondLogSumExpGradient), firstOutputGradient, nameof(firstOutputGradient));
        Guard.Disjoint(secondLogSumExpGradient, nameof(secondLogSumExpGradient), firstLogSumExpGradient, nameof(firstLogSumExpGradient));
        Guard.Disjoint(secondLogSumExpGradient, nameof(secondLogSumExpGradient), secondOutputGradient, nameof(secondOutputGradient));
    }

    private static void CheckPart(
        in ReadOnlyTensorSpan<float> gradient, string name,
        in ReadOnlyTensorSpan<float> firstOutput, in ReadOnlyTensorSpan<float> firstLogSumExp,
        in ReadOnlyTensorSpan<float> secondOutput, in ReadOnlyTensorSpan<float> secondLogSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient)
    {
        Guard.Disjoint(gradient, name, firstOutput, nameof(firstOutput));
        Guard.Disjoint(gradient, name, firstLogSumExp, nameof(firstLogSumExp));
        Guard.Disjoint(gradient, name, secondOutput, nameof(secondOutput));
        Guard.Disjoint(gradient, name, secondLogSumExp, nameof(secondLogSumExp));
        Guard.Disjoint(gradient, name, outputGradient, nameof(outputGradient));
        Guard.Disjoint(gradient, name, logSumExpGradient, nameof(logSumExpGradient));
    }

    private static void Check(
        in ReadOnlyTensorSpan<float> gradient, string name,
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> bias, in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> logSumExp,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient)
    {
        Guard.Disjoint(gradient, name, query, nameof(query));
        Guard.Disjoint(gradient, name, key, nameof(key));
        Guard.Disjoint(gradient, name, value, nameof(value));
        Guard.Disjoint(gradient, name, bias, "terms");
        Guard.Disjoint(gradient, name, output, nameof(output));
        Guard.Disjoint(gradient, name, logSumExp, nameof(logSumExp));
        Guard.Disjoint(gradient, name, outputGradient, nameof(outputGradient));
        Guard.Disjoint(gradient, name, logSumExpGradient, nameof(logSumExpGradient));
    }
}
