using Attention.Backends;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Hard attention over given scores; see <see cref="Mechanisms.HardAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="scores"><c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may choose.</param>
    /// <param name="choice">How.</param>
    /// <param name="choices">The keys, <c>[batch, heads, queryLength]</c> row-major, with <see cref="KeyChoice.Given"/>; empty otherwise.</param>
    /// <returns>
    /// Outputs, log-probabilities, entropies and choices. Scores get a gradient through log-probabilities and entropies alone; see
    /// <see cref="ReinforceLoss"/>.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The shapes do not fit, a query may choose no key or its scores hold NaN or positive infinity, or a given key does not
    /// exist or has no chance.
    /// </exception>
    public static HardAttentionResult HardAttention<TMask>(
        Variable scores, Variable value, in TMask mask, KeyChoice choice, ReadOnlySpan<int> choices = default)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(value);
        Rank4(scores, nameof(scores));
        Rank4(value, nameof(value));
        Tape? tape = Tape.Of(scores, value);
        IComputeBackend backend = scores.Data.Backend;
        nint[] rows = scores.Data.Lengths[..3].ToArray();
        int[] chosen = choice.IsGiven ? choices.ToArray() : new int[checked((int)Shapes.Count(rows))];
        DeviceTensor output = DeviceTensor.Allocate(backend, [.. rows, value.Data.Lengths[3]]);
        DeviceTensor statistics = DeviceTensor.Allocate(backend, [2, .. rows]);
        using (DeviceTensor logProbability = Statistic(statistics, 0))
        using (DeviceTensor entropy = Statistic(statistics, 1))
        {
            backend.Run(new HardAttentionForward<TMask>
            {
                Scores = scores.Data,
                Value = value.Data,
                Mask = mask,
                Choice = choice,
                Choices = chosen,
                Output = output,
                LogProbability = logProbability,
                Entropy = entropy,
            });
        }

        Variable outputs = Records(tape, value) ? RecordChosen(tape!, output, value, chosen) : Plain(output, tape, value);
        using Variable both = Records(tape, scores) ? RecordStatistics(tape!, statistics, scores, mask, chosen) : Plain(statistics, tape, scores);
        Variable[] parts = both.Split(0, 1, 1);
        using Variable first = parts[0];
        using Variable second = parts[1];
        return new HardAttentionResult(outputs, first.Reshape(rows), second.Reshape(rows), chosen);
    }

    /// <summary>
    /// A soft sample of the softmax of given scores, by Gumbel noise; its gradient, though exact, is biased for what hard choices
    /// would give. See <see cref="Mechanisms.GumbelSoftmax"/>.
    /// </summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="scores"><c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="temperature">The lower, the harder; a number from 1e-20 to 1e20.</param>
    /// <param name="seed">Decides the noise.</param>
    /// <param name="isStraightThrough">
    /// Whether the result is one-hot, an exact sample, while the gradient passes as if it were soft (Bengio et al. 2013).
    /// </param>
    /// <returns>Of the scores' shape.</returns>
    /// <exception cref="ArgumentException">The shape does not fit, or the temperature is none.</exception>
    public static Variable GumbelSoftmax<TMask>(
        Variable scores, in TMask mask, float temperature, ulong seed, bool isStraightThrough = false)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(scores);
        Rank4(scores, nameof(scores));
        SoftmaxNormalizer normalizer = new(temperature);
        Tape? tape = Tape.Of(scores);
        DeviceTensor weights = DeviceTensor.Allocate(scores.Data.Backend, scores.Data.Lengths);
        DeviceTensor? oneHot = isStraightThrough ? DeviceTensor.Allocate(scores.Data.Backend, scores.Data.Lengths) : null;
        weights.Backend.Run(new GumbelSoftmaxForward<TMask>
        {
            Scores = scores.Data,
            Mask = mask,
            Temperature = temperature,
            Seed = seed,
            Weights = weights,
            OneHot = oneHot,
        });
        if (Records(tape, scores))
        {
            return RecordNormalized(tape!, oneHot ?? weights.Share(), weights, scores, mask, normalizer);
        }

        if (oneHot is not null)
        {
            weights.Dispose();
        }

        return Plain(oneHot ?? weights, tape, scores);
    }

    /// <summary>
    /// Soft attention over given scores, <c>softmax(scores) value</c>, without weights in memory. A query that may attend to nothing gets 0.
    /// </summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="scores"><c>[batch, heads, queryLength, keyLength]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <returns><c>[batch, heads, queryLength, valueSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable SoftAttention<TMask>(Variable scores, Variable value, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(scores);
        ArgumentNullException.ThrowIfNull(value);
        Rank4(scores, nameof(scores));
        Rank4(value, nameof(value));

        // Queries and keys of zeros: the scores of dot products are then the bias alone.
        IComputeBackend backend = scores.Data.Backend;
        ReadOnlySpan<nint> rows = scores.Data.Lengths;
        using Variable query = Variable.Constant(DeviceTensor.Zeros(backend, rows[0], rows[1], rows[2], 1));
        using Variable key = Variable.Constant(DeviceTensor.Zeros(backend, value.Data.Lengths[0], value.Data.Lengths[1], rows[3], 1));
        return Attention(query, key, value, mask, default(NoModifier), scores);
    }

    /// <summary>One of the statistics of a row, [batch, heads, queryLength].</summary>
    private static DeviceTensor Statistic(DeviceTensor statistics, int index)
    {
        using DeviceTensor part = statistics.Slice(0, index, 1);
        return part.Reshape(statistics.Lengths[1..]);
    }

    private static Variable RecordChosen(Tape tape, DeviceTensor output, Variable value, int[] choices) =>
        Recorded(
            tape, output, [value],
            (gradient, results) => gradient.Backend.Run(
                new HardAttentionValueGradients { Choices = choices, OutputGradient = gradient, ValueGradient = results[0]! }));

    private static Variable RecordStatistics<TMask>(Tape tape, DeviceTensor statistics, Variable scores, TMask mask, int[] choices)
        where TMask : struct, IAttentionMask
    {
        DeviceTensor kept = scores.Data.Share();
        return Recorded(
            tape, statistics, [scores],
            (gradient, results) =>
            {
                using DeviceTensor logProbability = Statistic(gradient, 0);
                using DeviceTensor entropy = Statistic(gradient, 1);
                gradient.Backend.Run(new HardAttentionScoreGradients<TMask>
                {
                    Scores = kept,
                    Mask = mask,
                    Choices = choices,
                    LogProbabilityGradient = logProbability,
                    EntropyGradient = entropy,
                    ScoresGradient = results[0]!,
                });
            },
            kept);
    }
}
