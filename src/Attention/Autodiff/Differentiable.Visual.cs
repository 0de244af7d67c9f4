using Attention.Backends;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>The scores of additive attention; see <see cref="Mechanisms.AdditiveScores"/>.</summary>
    /// <param name="query">Projected already, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">Projected already, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector"><c>[hiddenSize]</c>.</param>
    /// <returns><c>[batch, heads, queryLength, keyLength]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable AdditiveScores(Variable query, Variable key, Variable scoreVector)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(scoreVector);
        Rank4(query, nameof(query));
        Rank4(key, nameof(key));
        Tape? tape = Tape.Of(query, key, scoreVector);
        IComputeBackend backend = query.Data.Backend;
        DeviceTensor scores = DeviceTensor.Allocate(backend, [.. query.Data.Lengths[..3], key.Data.Lengths[2]]);
        backend.Run(new AdditiveScoresForward { Query = query.Data, Key = key.Data, ScoreVector = scoreVector.Data, Scores = scores });
        return Records(tape, query, key, scoreVector) ? RecordAdditiveScores(tape!, scores, query, key, scoreVector) : Plain(scores, tape, query, key, scoreVector);
    }

    /// <summary>
    /// The mean over the batch of <c>sum_i (1 - sum_t weight_ti)^2</c>, times <paramref name="factor"/>, of shape <c>[1]</c>; see
    /// <see cref="Mechanisms.DoublyStochasticPenalty"/>.
    /// </summary>
    /// <param name="weights"><c>[batch, heads, steps, keyLength]</c>.</param>
    /// <param name="factor">The weight of the penalty.</param>
    /// <param name="steps">How many steps of each batch element count; empty for all.</param>
    /// <param name="keys">How many keys of each batch element count; empty for all.</param>
    /// <exception cref="ArgumentException">The shape or the lengths do not fit.</exception>
    public static Variable DoublyStochasticPenalty(
        Variable weights, float factor = 1, ReadOnlySpan<int> steps = default, ReadOnlySpan<int> keys = default)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Rank4(weights, nameof(weights));
        Tape? tape = Tape.Of(weights);
        int[] stepCounts = steps.ToArray();
        int[] keyCounts = keys.ToArray();
        DeviceTensor penalties = DeviceTensor.Allocate(weights.Data.Backend, weights.Data.Lengths[0]);
        penalties.Backend.Run(new DoublyStochasticForward { Weights = weights.Data, Steps = stepCounts, Keys = keyCounts, Penalties = penalties });
        using Variable each = Records(tape, weights) ? RecordPenalty(tape!, penalties, weights, stepCounts, keyCounts) : Plain(penalties, tape, weights);
        return Sum(each, factor / Math.Max(1, weights.Data.Lengths[0]));
    }

    private static Variable RecordAdditiveScores(Tape tape, DeviceTensor scores, Variable query, Variable key, Variable scoreVector)
    {
        (DeviceTensor keptQuery, DeviceTensor keptKey, DeviceTensor keptVector) = (query.Data.Share(), key.Data.Share(), scoreVector.Data.Share());
        return Recorded(
            tape, scores, [query, key, scoreVector],
            (gradient, results) => gradient.Backend.Run(new AdditiveScoresBackward
            {
                Query = keptQuery,
                Key = keptKey,
                ScoreVector = keptVector,
                ScoresGradient = gradient,
                QueryGradient = results[0],
                KeyGradient = results[1],
                ScoreVectorGradient = results[2],
            }),
            keptQuery, keptKey, keptVector);
    }

    private static Variable RecordPenalty(Tape tape, DeviceTensor penalties, Variable weights, int[] steps, int[] keys)
    {
        DeviceTensor kept = weights.Data.Share();
        return Recorded(
            tape, penalties, [weights],
            (gradient, results) => gradient.Backend.Run(new DoublyStochasticBackward
            {
                Weights = kept,
                Steps = steps,
                Keys = keys,
                PenaltiesGradient = gradient,
                WeightsGradient = results[0]!,
            }),
            kept);
    }
}
