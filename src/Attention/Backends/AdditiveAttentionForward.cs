using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of additive attention; see <see cref="AdditiveAttention.Forward{TMask}"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct AdditiveAttentionForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of additive attention";

    /// <summary><c>[batch, heads, queryLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[hiddenSize]</c>.</summary>
    public required DeviceTensor ScoreVector { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor Output { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength]</c>; null if not wanted.</summary>
    public DeviceTensor? LogSumExp { get; init; }

    /// <summary>Dropout and threads.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveAttention.Forward(
            host.Span(Query, nameof(Query)), host.Span(Key, nameof(Key)), host.Span(ScoreVector, nameof(ScoreVector)),
            host.Span(Value, nameof(Value)), Mask, host.Span(Output, nameof(Output)), host.Span(LogSumExp, nameof(LogSumExp)),
            OptionsOn(host));
    }

    /// <summary>The options with the host's threads where they do not ask for a number of their own.</summary>
    internal AttentionOptions OptionsOn(IHostMemory host) =>
        Options.MaxDegreeOfParallelism == 0 ? Options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism } : Options;
}
