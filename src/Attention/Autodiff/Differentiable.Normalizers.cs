using Attention.Backends;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Attention with any normaliser; see <see cref="Mechanisms.NormalizedAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <typeparam name="TNormalizer">The normaliser's type.</typeparam>
    /// <param name="query"><c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key"><c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="normalizer">What turns the scores of a row into weights.</param>
    /// <param name="options">Scale, dropout (of weights; only under a tape that trains).</param>
    /// <returns>
    /// <c>[batch, heads, queryLength, valueSize]</c>, laid out as <c>[batch, queryLength, heads, valueSize]</c>, so that joining the
    /// heads needs no copy.
    /// </returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable NormalizedAttention<TMask, TModifier, TNormalizer>(
        Variable query, Variable key, Variable value, TMask mask, TModifier modifier, TNormalizer normalizer, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
        where TNormalizer : struct, INormalizer
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        Rank4(query, nameof(query));
        Rank4(value, nameof(value));
        Tape? tape = Tape.Of(query, key, value);
        options = tape is { IsTraining: true } && options.Dropout > 0
            ? options with { DropoutSeed = tape.NextSeed() }
            : options with { Dropout = 0 };
        IComputeBackend backend = query.Data.Backend;
        ReadOnlySpan<nint> lengths = query.Data.Lengths;
        using DeviceTensor joined = DeviceTensor.Allocate(backend, lengths[0], lengths[2], lengths[1], value.Data.Lengths[3]);
        DeviceTensor output = joined.Transpose(1, 2);
        backend.Run(new NormalizedAttentionForward<TMask, TModifier, TNormalizer>
        {
            Query = query.Data,
            Key = key.Data,
            Value = value.Data,
            Mask = mask,
            Modifier = modifier,
            Normalizer = normalizer,
            Output = output,
            Options = options,
        });
        if (!Records(tape, query, key, value))
        {
            return Plain(output, tape, query, key, value);
        }

        DeviceTensor keptQuery = query.Data.Share();
        DeviceTensor keptKey = key.Data.Share();
        DeviceTensor keptValue = value.Data.Share();
        return Recorded(
            tape!, output, [query, key, value],
            (gradient, results) => gradient.Backend.Run(new NormalizedAttentionBackward<TMask, TModifier, TNormalizer>
            {
                Query = keptQuery,
                Key = keptKey,
                Value = keptValue,
                Mask = mask,
                Modifier = modifier,
                Normalizer = normalizer,
                OutputGradient = gradient,
                QueryGradient = results[0],
                KeyGradient = results[1],
                ValueGradient = results[2],
                Options = options,
            }),
            keptQuery, keptKey, keptValue);
    }

    /// <summary>
    /// Turns scores into weights over the keys that the mask allows, by softmax (<c>default(SoftmaxNormalizer)</c>) or another normaliser; see
    /// <see cref="Mechanisms.RowNormalization"/>.
    /// </summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TNormalizer">The normaliser's type.</typeparam>
    /// <param name="scores"><c>[batch, heads, queryLength, keyLength]</c>, keys side by side.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="normalizer">What turns scores into weights.</param>
    /// <returns>Of the scores' shape.</returns>
    /// <exception cref="ArgumentException">The shape does not fit.</exception>
    public static Variable NormalizeScores<TMask, TNormalizer>(Variable scores, TMask mask, TNormalizer normalizer)
        where TMask : struct, IAttentionMask
        where TNormalizer : struct, INormalizer
    {
        ArgumentNullException.ThrowIfNull(scores);
        Rank4(scores, nameof(scores));
        Tape? tape = Tape.Of(scores);
        DeviceTensor weights = DeviceTensor.Allocate(scores.Data.Backend, scores.Data.Lengths);
        scores.Data.Backend.Run(new ScoreNormalization<TMask, TNormalizer>
        {
            Scores = scores.Data,
            Mask = mask,
            Normalizer = normalizer,
            Weights = weights,
        });
        return Records(tape, scores)
            ? RecordNormalized(tape!, weights, weights.Share(), scores, mask, normalizer)
            : Plain(weights, tape, scores);
    }

    /// <summary>Turns the rows of the last axis into weights.</summary>
    /// <typeparam name="TNormalizer">The normaliser's type.</typeparam>
    /// <param name="scores">Any shape, the last axis contiguous.</param>
    /// <param name="normalizer">What turns scores into weights.</param>
    /// <returns>Of the scores' shape.</returns>
    /// <exception cref="ArgumentException">The scores have no axis, or cannot be seen as rows without a copy.</exception>
    public static Variable NormalizeRows<TNormalizer>(Variable scores, TNormalizer normalizer)
        where TNormalizer : struct, INormalizer
    {
        ArgumentNullException.ThrowIfNull(scores);
        nint[] lengths = scores.Data.Lengths.ToArray();
        if (lengths.Length == 0)
        {
            throw new ArgumentException($"'{nameof(scores)}' has no axis; expected [..., length].", nameof(scores));
        }

        nint rows = lengths[..^1].Aggregate((nint)1, (product, length) => product * length);
        using Variable pairs = scores.Reshape(1, 1, rows, lengths[^1]);
        using Variable weights = NormalizeScores(pairs, default(NoMask), normalizer);
        return weights.Reshape(lengths);
    }

    /// <summary>Records a result whose gradient passes as if it were the weights, which the tape keeps.</summary>
    private static Variable RecordNormalized<TMask, TNormalizer>(
        Tape tape, DeviceTensor output, DeviceTensor weights, Variable scores, TMask mask, TNormalizer normalizer)
        where TMask : struct, IAttentionMask
        where TNormalizer : struct, INormalizer
    {
        DeviceTensor keptScores = scores.Data.Share();
        return Recorded(
            tape, output, [scores],
            (gradient, results) => gradient.Backend.Run(new ScoreNormalizationGradient<TMask, TNormalizer>
            {
                Scores = keptScores,
                Weights = weights,
                WeightGradient = gradient,
                Mask = mask,
                Normalizer = normalizer,
                ScoreGradient = results[0]!,
            }),
            keptScores, weights);
    }
}
