using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Backends;

/// <summary>The gradient of scores of <see cref="HardAttention"/>; members are as of <see cref="HardAttention.ScoreGradients"/>.</summary>
/// <typeparam name="TMask">The mask's type.</typeparam>
public readonly struct HardAttentionScoreGradients<TMask> : IComputation
    where TMask : struct, IAttentionMask
{
    /// <inheritdoc/>
    public static string Name => "the gradient of the scores of hard attention";

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <summary>The mask of the forward pass.</summary>
    public TMask Mask { get; init; }

    /// <summary>The chosen keys.</summary>
    public required int[] Choices { get; init; }

    /// <summary><c>[batch, heads, queryLength]</c>, or null.</summary>
    public DeviceTensor? LogProbabilityGradient { get; init; }

    /// <summary><c>[batch, heads, queryLength]</c>, or null.</summary>
    public DeviceTensor? EntropyGradient { get; init; }

    /// <summary>Overwritten, of the scores' shape.</summary>
    public required DeviceTensor ScoresGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        HardAttention.ScoreGradients(
            host.Span(Scores, "scores"), Mask, Choices, host.Span(LogProbabilityGradient, "logProbabilityGradient"),
            host.Span(EntropyGradient, "entropyGradient"), host.Span(ScoresGradient, "scoresGradient"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
