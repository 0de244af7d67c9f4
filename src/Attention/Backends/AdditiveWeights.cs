using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The weights of <see cref="AdditiveAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct AdditiveWeights<TMask> : IComputation
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
    public required DeviceTensor Weights { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveAttention.Weights(
            host.Span(Query, "query"), host.Span(Key, "key"), host.Span(ScoreVector, "scoreVector"), Mask, host.Span(Weights, "weights"),
            default(AttentionOptions).On(host));
    }
}
