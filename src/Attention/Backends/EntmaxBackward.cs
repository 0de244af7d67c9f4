using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="EntmaxWeights"/>; members are as there.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct EntmaxBackward<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the gradients of the entmax of given scores";

    /// <summary>What the forward pass gave, <c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <summary>The gradient of the weights, of their shape.</summary>
    public required DeviceTensor WeightGradient { get; init; }

    /// <summary><c>[1]</c> or <c>[heads]</c>.</summary>
    public required DeviceTensor Alpha { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>Overwritten, of the weights' shape, or null.</summary>
    public DeviceTensor? ScoreGradient { get; init; }

    /// <summary>Overwritten, of alpha's shape, or null.</summary>
    public DeviceTensor? AlphaGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        EntmaxWeights.Backward(
            host.Span(Weights, "weights"), host.Span(WeightGradient, "weightGradient"), host.Span(Alpha, "alpha"), Mask,
            host.Span(ScoreGradient, "scoreGradient"), host.Span(AlphaGradient, "alphaGradient"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
