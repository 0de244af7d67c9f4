using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="NormalizedAttention"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
/// <typeparam name="TModifier">The modifier's type.</typeparam>
/// <typeparam name="TNormalizer">The normaliser's type.</typeparam>
public readonly record struct NormalizedAttentionBackward<TMask, TModifier, TNormalizer> : IComputation
    where TMask : struct, IAttentionMask
    where TModifier : struct, IScoreModifier
    where TNormalizer : struct, INormalizer
{
    /// <inheritdoc/>
    public static string Name => "the backward pass of attention with a normaliser";

    /// <summary><c>[batch, heads, queryLength, headSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, headSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>The modifier of the forward pass.</summary>
    public TModifier Modifier { get; init; }

    /// <summary>The normaliser of the forward pass.</summary>
    public TNormalizer Normalizer { get; init; }

    /// <summary>The gradient of the output, <c>[batch, heads, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor OutputGradient { get; init; }

    /// <summary>Overwritten, of the query's shape; null if not wanted.</summary>
    public DeviceTensor? QueryGradient { get; init; }

    /// <summary>Overwritten, of the key's shape; null if not wanted.</summary>
    public DeviceTensor? KeyGradient { get; init; }

    /// <summary>Overwritten, of the value's shape; null if not wanted.</summary>
    public DeviceTensor? ValueGradient { get; init; }

    /// <summary>The options of the forward pass.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        NormalizedAttention.Backward(
            host.Span(Query, "query"), host.Span(Key, "key"), host.Span(Value, "value"), Mask, Modifier, Normalizer,
            host.Span(OutputGradient, "outputGradient"), host.Span(QueryGradient, "queryGradient"), host.Span(KeyGradient, "keyGradient"),
            host.Span(ValueGradient, "valueGradient"), Options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
