using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="LocationAwareAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct LocationAwareForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of location-aware attention";

    /// <summary>What it reads.</summary>
    public required LocationAwareTensors Inputs { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public required TMask Mask { get; init; }

    /// <summary>Overwritten, <c>[batch, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor Context { get; init; }

    /// <summary>Overwritten, <c>[batch, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Alignments { get; init; }

    /// <summary>What the call chooses; 0 threads are as many as the backend uses.</summary>
    public LocationAwareOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        LocationAwareAttention.Forward(
            host.Span(Inputs.Query, nameof(Inputs.Query)), host.Span(Inputs.Key, nameof(Inputs.Key)),
            host.Span(Inputs.Value, nameof(Inputs.Value)), Weights(host, Inputs),
            host.Span(Inputs.InitialAlignment, nameof(Inputs.InitialAlignment)), Mask, host.Span(Context, nameof(Context)),
            host.Span(Alignments, nameof(Alignments)), Threads(host, Options));
    }

    internal static LocationWeights Weights(IHostMemory host, in LocationAwareTensors tensors) => new()
    {
        ScoreVector = host.Span(tensors.ScoreVector, nameof(tensors.ScoreVector)),
        Filters = host.Span(tensors.Filters, nameof(tensors.Filters)),
        Projection = host.Span(tensors.Projection, nameof(tensors.Projection)),
        ScoreBias = host.Span(tensors.ScoreBias, nameof(tensors.ScoreBias)),
    };

    internal static LocationAwareOptions Threads(IHostMemory host, in LocationAwareOptions options) =>
        options.MaxDegreeOfParallelism == 0 ? options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism } : options;
}
