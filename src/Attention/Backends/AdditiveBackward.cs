using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="AdditiveAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct AdditiveBackward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of additive attention";

    /// <summary>The inputs of the forward pass.</summary>
    public required AdditiveTensors Inputs { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>The gradient of the output.</summary>
    public required DeviceTensor OutputGradient { get; init; }

    /// <summary>Overwritten with the gradients of the inputs, each of its input's shape; null for those not wanted.</summary>
    public required AdditiveTensors Gradients { get; init; }

    /// <summary>The options of the forward pass.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveAttention.Backward(
            host.Span(Inputs.Query, "query"), host.Span(Inputs.Key, "key"), host.Span(Inputs.ScoreVector, "scoreVector"),
            host.Span(Inputs.Value, "value"), Mask, host.Span(OutputGradient, "outputGradient"),
            host.Span(Gradients.Query, "queryGradient"), host.Span(Gradients.Key, "keyGradient"),
            host.Span(Gradients.ScoreVector, "scoreVectorGradient"), host.Span(Gradients.Value, "valueGradient"), Options.On(host));
    }
}
