using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="DoublyStochasticPenalty"/>; members are as there.</summary>
public readonly struct DoublyStochasticForward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the doubly stochastic penalty";

    /// <summary><c>[batch, heads, steps, keyLength]</c>.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <summary>How many steps count; null for all.</summary>
    public int[]? Steps { get; init; }

    /// <summary>How many keys count; null for all.</summary>
    public int[]? Keys { get; init; }

    /// <summary>Overwritten, <c>[batch]</c>.</summary>
    public required DeviceTensor Penalties { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        DoublyStochasticPenalty.Forward(
            host.Span(Weights, "weights"), Steps, Keys, host.Span(Penalties, "penalties"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
