using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of additive attention; see <see cref="AdditiveAttention.Backward{TMask}"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct AdditiveAttentionBackward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of additive attention";

    /// <summary>What the forward pass read, wrote and chose; its log-sum-exp must be there.</summary>
    public required AdditiveAttentionForward<TMask> Forward { get; init; }

    /// <summary>The gradient of the loss by the output, of its shape.</summary>
    public required DeviceTensor OutputGradient { get; init; }

    /// <summary>Overwritten, of the query's shape; null if not wanted.</summary>
    public DeviceTensor? QueryGradient { get; init; }

    /// <summary>Overwritten, of the key's shape; null if not wanted.</summary>
    public DeviceTensor? KeyGradient { get; init; }

    /// <summary>Overwritten, <c>[hiddenSize]</c>; null if not wanted.</summary>
    public DeviceTensor? ScoreVectorGradient { get; init; }

    /// <summary>Overwritten, of the value's shape; null if not wanted.</summary>
    public DeviceTensor? ValueGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveAttentionForward<TMask> forward = Forward;
        AdditiveAttention.Backward(
            host.Span(forward.Query, nameof(forward.Query)), host.Span(forward.Key, nameof(forward.Key)),
            host.Span(forward.ScoreVector, nameof(forward.ScoreVector)), host.Span(forward.Value, nameof(forward.Value)), forward.Mask,
            host.Span(forward.Output, nameof(forward.Output)), host.Span(forward.LogSumExp, nameof(forward.LogSumExp)),
            host.Span(OutputGradient, nameof(OutputGradient)), host.Span(QueryGradient, nameof(QueryGradient)),
            host.Span(KeyGradient, nameof(KeyGradient)), host.Span(ScoreVectorGradient, nameof(ScoreVectorGradient)),
            host.Span(ValueGradient, nameof(ValueGradient)), forward.OptionsOn(host));
    }
}
