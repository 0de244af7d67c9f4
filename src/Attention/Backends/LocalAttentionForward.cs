using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="LocalAttention"/> as a computation.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct LocalAttentionForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of local attention";

    /// <summary><c>[batch, heads, queryLength, headSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, headSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary><c>[batch, queryLength]</c>.</summary>
    public required DeviceTensor Position { get; init; }

    /// <summary>How far a query sees.</summary>
    public LocalWindow Window { get; init; }

    /// <summary>Which keys a query may attend to, besides.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor Output { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength]</c>; null if not wanted.</summary>
    public DeviceTensor? LogSumExp { get; init; }

    /// <summary>Scale, dropout.</summary>
    public AttentionOptions Options { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        LocalAttention.Forward(
            host.Span(Query, "query"), host.Span(Key, "key"), host.Span(Value, "value"), host.Span(Position, "position"), Window, Mask,
            host.Span(Output, "output"), host.Span(LogSumExp, "logSumExp"),
            Options with { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
