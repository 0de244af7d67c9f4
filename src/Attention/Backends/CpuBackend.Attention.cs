using System.Numerics.Tensors;
using Attention.Mechanisms;
using Attention.Policies;
using Attention.Positions;

namespace Attention.Backends;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void AttentionForward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor? logSumExp, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ScaledDotProductAttention.Forward(
            Own(inputs.Query, "query"), Own(inputs.Key, "key"), Own(inputs.Value, "value"), mask, modifier, Terms(inputs),
            Own(output, nameof(output)), Optional(logSumExp, nameof(logSumExp)), With(options));
        KeepAlive(inputs);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
    }

    /// <inheritdoc/>
    public void AttentionBackward<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, DeviceTensor output, DeviceTensor logSumExp,
        DeviceTensor outputGradient, in AttentionTensors gradients, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ScaledDotProductAttention.Backward(
            Own(inputs.Query, "query"), Own(inputs.Key, "key"), Own(inputs.Value, "value"), mask, modifier, Terms(inputs),
            Own(output, nameof(output)), Own(logSumExp, nameof(logSumExp)), Own(outputGradient, nameof(outputGradient)), default,
            Own(gradients.Query, "queryGradient"), Own(gradients.Key, "keyGradient"), Own(gradients.Value, "valueGradient"),
            new ScoreTermGradients
            {
                Bias = Optional(gradients.Bias, "biasGradient"),
                SinkLogits = Row(gradients.SinkLogits, "sinkLogitsGradient"),
            },
            With(options));
        KeepAlive(inputs);
        KeepAlive(gradients);
        GC.KeepAlive(output);
        GC.KeepAlive(logSumExp);
        GC.KeepAlive(outputGradient);
    }

    /// <inheritdoc/>
    public void AttentionWeights<TMask, TModifier>(
        in AttentionTensors inputs, in TMask mask, in TModifier modifier, ReadOnlySpan<int> heads, DeviceTensor weights, in AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        ScaledDotProductAttention.Scores(
            Own(inputs.Query, "query"), Own(inputs.Key, "key"), mask, modifier, Terms(inputs), default, ScoreStage.Weights,
            heads, [], Own(weights, nameof(weights)), With(options));
        KeepAlive(inputs);
        GC.KeepAlive(weights);
    }

    /// <inheritdoc/>
    public void Rotate(DeviceTensor input, in Rotation rotation, ReadOnlySpan<int> positions, int offset, bool inverse, DeviceTensor output)
    {
        ReadOnlyTensorSpan<float> source = Own(input, nameof(input));
        TensorSpan<float> destination = Own(output, nameof(output));
        var options = new PositionOptions { MaxDegreeOfParallelism = _threads };
        switch (positions.IsEmpty, inverse)
        {
            case (true, false):
                Rotary.Apply(source, rotation.Table, offset, rotation.Layout, destination, options);
                break;
            case (true, true):
                Rotary.ApplyInverse(source, rotation.Table, offset, rotation.Layout, destination, options);
                break;
            case (false, false):
                Rotary.Apply(source, rotation.Table, positions, rotation.Layout, destination, options);
                break;
            case (false, true):
                Rotary.ApplyInverse(source, rotation.Table, positions, rotation.Layout, destination, options);
                break;
        }

        KeepAlive(input, output);
    }

    private static void KeepAlive(in AttentionTensors tensors)
    {
        KeepAlive(tensors.Query, tensors.Key, tensors.Value, tensors.Bias);
        GC.KeepAlive(tensors.SinkLogits);
    }

    private ScoreTerms Terms(in AttentionTensors inputs) =>
        new() { Bias = Optional(inputs.Bias, "bias"), SinkLogits = Row(inputs.SinkLogits, "sinkLogits") };

    /// <summary>A call without its own number of threads gets the backend's.</summary>
    internal AttentionOptions With(in AttentionOptions options) =>
        options.MaxDegreeOfParallelism == 0 ? options with { MaxDegreeOfParallelism = _threads } : options;
}
