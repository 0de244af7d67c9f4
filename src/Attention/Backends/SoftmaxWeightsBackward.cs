using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="SoftmaxWeights"/>; members are as there.</summary>
public readonly struct SoftmaxWeightsBackward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the gradient of a softmax of given scores";

    /// <summary>What the forward pass gave, <c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <summary>Of the weights' shape.</summary>
    public required DeviceTensor WeightsGradient { get; init; }

    /// <summary>Overwritten, of the weights' shape.</summary>
    public required DeviceTensor ScoresGradient { get; init; }

    /// <summary>That of the forward pass; null for softmax without noise.</summary>
    public float? Temperature { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        SoftmaxWeights.Backward(
            host.Span(Weights, "weights"), host.Span(WeightsGradient, "weightsGradient"), host.Span(ScoresGradient, "scoresGradient"),
            Temperature ?? 1f, new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
