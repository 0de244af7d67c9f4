using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="LocationAwareAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct LocationAwareBackward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of location-aware attention";

    /// <summary>What the forward pass read.</summary>
    public required LocationAwareTensors Inputs { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public required TMask Mask { get; init; }

    /// <summary>What the forward pass gave, <c>[batch, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Alignments { get; init; }

    /// <summary>The gradient of the contexts, <c>[batch, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor ContextGradient { get; init; }

    /// <summary>The gradient of the alignments as such; null for none.</summary>
    public DeviceTensor? AlignmentGradient { get; init; }

    /// <summary>Overwritten with the gradients of the inputs, each of its input's shape.</summary>
    public required LocationAwareTensors Gradients { get; init; }

    /// <summary>The options of the forward pass.</summary>
    public LocationAwareOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        LocationAwareAttention.Backward(
            host.Span(Inputs.Query, nameof(Inputs.Query)), host.Span(Inputs.Key, nameof(Inputs.Key)),
            host.Span(Inputs.Value, nameof(Inputs.Value)), LocationAwareForward<TMask>.Weights(host, Inputs),
            host.Span(Inputs.InitialAlignment, nameof(Inputs.InitialAlignment)), Mask, host.Span(Alignments, nameof(Alignments)),
            host.Span(ContextGradient, nameof(ContextGradient)), host.Span(AlignmentGradient, nameof(AlignmentGradient)),
            host.Span(Gradients.Query, nameof(Gradients)), host.Span(Gradients.Key, nameof(Gradients)),
            host.Span(Gradients.Value, nameof(Gradients)),
            new LocationWeightGradients
            {
                ScoreVector = host.Span(Gradients.ScoreVector, nameof(Gradients)),
                Filters = host.Span(Gradients.Filters, nameof(Gradients)),
                Projection = host.Span(Gradients.Projection, nameof(Gradients)),
                ScoreBias = host.Span(Gradients.ScoreBias, nameof(Gradients)),
            },
            host.Span(Gradients.InitialAlignment, nameof(Gradients)), LocationAwareForward<TMask>.Threads(host, Options));
    }
}
