using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The gradient of values of <see cref="HardAttention"/>; members are as of <see cref="HardAttention.ValueGradients"/>.</summary>
public readonly struct HardAttentionValueGradients : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the gradient of the values of hard attention";

    /// <summary>The chosen keys.</summary>
    public required int[] Choices { get; init; }

    /// <summary><c>[batch, heads, queryLength, valueSize]</c>.</summary>
    public required DeviceTensor OutputGradient { get; init; }

    /// <summary>Overwritten, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor ValueGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        HardAttention.ValueGradients(
            Choices, host.Span(OutputGradient, "outputGradient"), host.Span(ValueGradient, "valueGradient"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
