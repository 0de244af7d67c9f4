using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The forward pass of <see cref="AdditiveScores"/>; members are as there.</summary>
public readonly struct AdditiveScoresForward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the scores of additive attention";

    /// <summary><c>[batch, heads, queryLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[hiddenSize]</c>.</summary>
    public required DeviceTensor ScoreVector { get; init; }

    /// <summary>Overwritten, <c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor Scores { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveScores.Forward(
            host.Span(Query, "query"), host.Span(Key, "key"), host.Span(ScoreVector, "scoreVector"), host.Span(Scores, "scores"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
