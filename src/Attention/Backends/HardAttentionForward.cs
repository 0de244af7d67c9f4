using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="HardAttention"/>; members are as there.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct HardAttentionForward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the forward pass of hard attention";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>; null if no output is wanted.</summary>
    public DeviceTensor? Value { get; init; }

    /// <summary>Which keys a query may choose.</summary>
    public TMask Mask { get; init; }

    /// <summary>How keys are chosen.</summary>
    public KeyChoice Choice { get; init; }

    /// <summary>The chosen keys, which a device brings back to the host: <c>[batch, heads, queryLength]</c> row-major.</summary>
    public required int[] Choices { get; init; }

    /// <summary><c>[batch, heads, queryLength, valueSize]</c>, or null.</summary>
    public DeviceTensor? Output { get; init; }

    /// <summary><c>[batch, heads, queryLength]</c>, or null.</summary>
    public DeviceTensor? LogProbability { get; init; }

    /// <summary><c>[batch, heads, queryLength]</c>, or null.</summary>
    public DeviceTensor? Entropy { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        HardAttention.Forward(
            host.Span(Scores, "scores"), host.Span(Value, "value"), Mask, Choice, Choices, host.Span(Output, "output"),
            host.Span(LogProbability, "logProbability"), host.Span(Entropy, "entropy"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
