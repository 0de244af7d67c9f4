using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="RowNormalization"/> over scores of pairs.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
/// <typeparam name="TNormalizer">The normaliser's type.</typeparam>
public readonly record struct ScoreNormalization<TMask, TNormalizer> : IComputation
    where TMask : struct, IAttentionMask
    where TNormalizer : struct, INormalizer
{
    /// <inheritdoc/>
    public static string Name => "the normalisation of scores";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <summary>Which keys a query may attend to.</summary>
    public TMask Mask { get; init; }

    /// <summary>What turns scores into weights.</summary>
    public TNormalizer Normalizer { get; init; }

    /// <summary>Overwritten, of the scores' shape.</summary>
    public required DeviceTensor Weights { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        RowNormalization.Forward(
            host.Span(Scores, "scores"), Mask, Normalizer, host.Span(Weights, "weights"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
