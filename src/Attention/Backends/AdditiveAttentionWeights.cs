using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The weights of additive attention; see <see cref="AdditiveAttention.Weights{TMask}"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct AdditiveAttentionWeights<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the weights of additive attention";

    /// <summary><c>[batch, heads, queryLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[hiddenSize]</c>.</summary>
    public required DeviceTensor ScoreVector { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Destination { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveAttention.Weights(
            host.Span(Query, nameof(Query)), host.Span(Key, nameof(Key)), host.Span(ScoreVector, nameof(ScoreVector)), Mask,
            host.Span(Destination, nameof(Destination)), new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
