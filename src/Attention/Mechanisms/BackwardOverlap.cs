using System.Diagnostics;
using System.Numerics.Tensors;

namespace Attention.Mechanisms;

/// <summary>Refuses a gradient that shares memory with anything the backward pass reads.</summary>
[StackTraceHidden]
internal static class BackwardOverlap
{
    internal static void Check(
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
