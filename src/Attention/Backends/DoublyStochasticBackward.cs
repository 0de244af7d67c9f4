using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="DoublyStochasticPenalty"/>; members are as there.</summary>
public readonly struct DoublyStochasticBackward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the gradient of the doubly stochastic penalty";

    /// <summary><c>[batch, heads, steps, keyLength]</c>.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <summary>How many steps count; null for all.</summary>
    public int[]? Steps { get; init; }

    /// <summary>How many keys count; null for all.</summary>
    public int[]? Keys { get; init; }

    /// <summary><c>[batch]</c>.</summary>
    public required DeviceTensor PenaltiesGradient { get; init; }

    /// <summary>Overwritten, of the weights' shape.</summary>
    public required DeviceTensor WeightsGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        DoublyStochasticPenalty.Backward(
            host.Span(Weights, "weights"), Steps, Keys, host.Span(PenaltiesGradient, "penaltiesGradient"),
            host.Span(WeightsGradient, "weightsGradient"), new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
