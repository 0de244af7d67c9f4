using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The backward pass of <see cref="AdditiveScores"/>; members are as there.</summary>
public readonly struct AdditiveScoresBackward : IComputation
{
    /// <inheritdoc/>
    public static string Name => "the gradients of the scores of additive attention";

    /// <summary><c>[batch, heads, queryLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[hiddenSize]</c>.</summary>
    public required DeviceTensor ScoreVector { get; init; }

    /// <summary><c>[batch, heads, queryLength, keyLength]</c>.</summary>
    public required DeviceTensor ScoresGradient { get; init; }

    /// <summary>Overwritten, of the query's shape, or null.</summary>
    public DeviceTensor? QueryGradient { get; init; }

    /// <summary>Overwritten, of the key's shape, or null.</summary>
    public DeviceTensor? KeyGradient { get; init; }

    /// <summary>Overwritten, <c>[hiddenSize]</c>, or null.</summary>
    public DeviceTensor? ScoreVectorGradient { get; init; }

    /// <inheritdoc/>
    public void RunOnHost(IHostMemory host)
    {
        ArgumentNullException.ThrowIfNull(host);
        AdditiveScores.Backward(
            host.Span(Query, "query"), host.Span(Key, "key"), host.Span(ScoreVector, "scoreVector"), host.Span(ScoresGradient, "scoresGradient"),
            host.Span(QueryGradient, "queryGradient"), host.Span(KeyGradient, "keyGradient"), host.Span(ScoreVectorGradient, "scoreVectorGradient"),
            new AttentionOptions { MaxDegreeOfParallelism = host.MaxDegreeOfParallelism });
    }
}
