using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="NormalizedAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
/// <typeparam name="TModifier">The modifier's type.</typeparam>
/// <typeparam name="TNormalizer">The normaliser's type.</typeparam>
public readonly record struct NormalizedAttentionForward<TMask, TModifier, TNormalizer> : IComputation
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
    where TNormalizer : struct, INormalizer
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of attention with a normaliser";

    /// <summary><c>[batch, heads, queryLength, headSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, headSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>Changes each score after scaling.</summary>
    public TModifier Modifier { get; init; }

    /// <summary>What turns the scores of a row into weights.</summary>
    public TNormalizer Normalizer { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor Output { get; init; }

    /// <summary>Scale and dropout; threads are the backend's.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        NormalizedAttention.Forward(
            host.Span(Query, "query"), host.Span(Key, "key"), host.Span(Value, "value"), Mask, Modifier, Normalizer, host.Span(Output, "output"),
            Options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
