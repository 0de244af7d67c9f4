using System.Numerics.Tensors;
using Attention.Backends;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.PublicApi.Tests;

internal sealed partial class OutsiderBackend
{
    public void AttentionForward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor? logSumExp, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        Check(inputs, "");
        Check(output, nameof(output));
        Check(logSumExp, nameof(logSumExp));
        float[] results = new float[output.Count];
        float[] sums = new float[logSumExp?.Count ?? 0];
        ScaledDotProductAttention.Forward(
            Span(inputs.Query), Span(inputs.Key), Span(inputs.Value), mask, modifier, Terms(inputs), Over(results, output),
            Over(sums, logSumExp), options);
        Write(output, results, 0);
        WriteOptional(logSumExp, sums, 0);
    }

    public void AttentionBackward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor logSumExp,
        DeviceTensor outputGradient, in AttentionTensors gradients, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        Check(inputs, "");
        Check(output, nameof(output));
        Check(logSumExp, nameof(logSumExp));
        Check(outputGradient, nameof(outputGradient));
        Check(gradients, "Gradient");
        float[] query = new float[gradients.Query.Count];
        float[] key = new float[gradients.Key.Count];
        float[] value = new float[gradients.Value.Count];
        float[] bias = new float[gradients.Bias?.Count ?? 0];
        float[] sinks = new float[gradients.SinkLogits?.Count ?? 0];
        ScaledDotProductAttention.Backward(
            Span(inputs.Query), Span(inputs.Key), Span(inputs.Value), mask, modifier, Terms(inputs), Span(output), Span(logSumExp),
            Span(outputGradient), default, Over(query, gradients.Query), Over(key, gradients.Key), Over(value, gradients.Value),
            new ScoreTermGradients { Bias = Over(bias, gradients.Bias), SinkLogits = sinks }, options);
        Write(gradients.Query, query, 0);
        Write(gradients.Key, key, 0);
        Write(gradients.Value, value, 0);
        WriteOptional(gradients.Bias, bias, 0);
        WriteOptional(gradients.SinkLogits, sinks, 0);
    }

    public void AttentionWeights<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, ReadOnlySpan<int> heads, DeviceTensor weights, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        Check(inputs, "");
        Check(weights, nameof(weights));
        float[] results = new float[weights.Count];
        ScaledDotProductAttention.Scores(
            Span(inputs.Query), Span(inputs.Key), mask, modifier, Terms(inputs), default, ScoreStage.Weights, heads, [],
            Over(results, weights), options);
        Write(weights, results, 0);
    }

    private static ReadOnlyTensorSpan<float> Span(DeviceTensor? tensor) =>
        tensor is null ? default : new ReadOnlyTensorSpan<float>(Read(tensor), tensor.Lengths);

    private static TensorSpan<float> Over(float[] values, DeviceTensor? tensor) =>
        tensor is null ? default : new TensorSpan<float>(values, tensor.Lengths);

    private static ScoreTerms Terms(in AttentionTensors inputs) =>
        new() { Bias = Span(inputs.Bias), SinkLogits = ReadOptional(inputs.SinkLogits) };

    private void Check(in AttentionTensors tensors, string suffix)
    {
        Check(tensors.Query, $"query{suffix}");
        Check(tensors.Key, $"key{suffix}");
        Check(tensors.Value, $"value{suffix}");
        Check(tensors.Bias, $"bias{suffix}");
        Check(tensors.SinkLogits, $"sinkLogits{suffix}");
    }
}
