using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="TransformerXlAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct TransformerXlBackward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of attention with the positions of Transformer-XL";

    /// <summary>The inputs of the forward pass.</summary>
    public required TransformerXlTensors Inputs { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>The gradient of the output.</summary>
    public required DeviceTensor OutputGradient { get; init; }

    /// <summary>Overwritten with the gradients of the inputs, each of its input's shape.</summary>
    public required TransformerXlTensors Gradients { get; init; }

    /// <summary>The options of the forward pass.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        TransformerXlAttention.Backward(
            host.Span(Inputs.Query, "query"), host.Span(Inputs.Key, "key"), host.Span(Inputs.Value, "value"),
            host.Span(Inputs.RelativeKey, "relativeKey"), host.Span(Inputs.ContentBias, "contentBias"),
            host.Span(Inputs.PositionBias, "positionBias"), Mask, host.Span(OutputGradient, "outputGradient"), default,
            host.Span(Gradients.Query, "queryGradient"), host.Span(Gradients.Key, "keyGradient"), host.Span(Gradients.Value, "valueGradient"),
            host.Span(Gradients.RelativeKey, "relativeKeyGradient"), host.Span(Gradients.ContentBias, "contentBiasGradient"),
            host.Span(Gradients.PositionBias, "positionBiasGradient"), Options.On(host));
    }
}
