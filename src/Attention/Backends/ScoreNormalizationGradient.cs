using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="RowNormalization"/> over scores of pairs.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
/// <typeparam name="TNormalizer">The normaliser's type.</typeparam>
public readonly record struct ScoreNormalizationGradient<TMask, TNormalizer> : IComputation
    where TMask : struct, IAttentionMask
    where TNormalizer : struct, INormalizer
{
    /// <inheritdoc/>
    public static string Name => "the gradient of the normalisation of scores";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <summary>What the forward pass gave, of the scores' shape.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <summary>The gradient of the weights, of the scores' shape.</summary>
    public required DeviceTensor WeightGradient { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>The normaliser of the forward pass.</summary>
    public TNormalizer Normalizer { get; init; }

    /// <summary>Overwritten, of the scores' shape.</summary>
    public required DeviceTensor ScoreGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        RowNormalization.Backward(
            host.Span(Scores, "scores"), host.Span(Weights, "weights"), host.Span(WeightGradient, "weightGradient"), Mask, Normalizer,
            host.Span(ScoreGradient, "scoreGradient"), new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
