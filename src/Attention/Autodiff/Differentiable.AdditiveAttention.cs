using Attention.Backends;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Additive attention; see <see cref="Mechanisms.AdditiveAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The weight of each hidden unit, <c>[hiddenSize]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="options">Dropout (of weights; only under a tape that trains), threads.</param>
    /// <returns>
    /// <c>[batch, heads, queryLength, valueSize]</c>, laid out as <c>[batch, queryLength, heads, valueSize]</c>, so that joining the
    /// heads needs no copy.
    /// </returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable AdditiveAttention<TMask>(
        Variable query, Variable key, Variable scoreVector, Variable value, in TMask mask, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(scoreVector);
        ArgumentNullException.ThrowIfNull(value);
        Rank4(query, nameof(query));
        Rank4(value, nameof(value));
        Tape? tape = Tape.Of(query, key, scoreVector, value);
        options = tape is { IsTraining: true } && options.Dropout > 0
            ? options with { DropoutSeed = tape.NextSeed() }
            : options with { Dropout = 0 };
        IComputeBackend backend = query.Data.Backend;
        ReadOnlySpan<nint> lengths = query.Data.Lengths;
        using DeviceTensor joined = DeviceTensor.Allocate(backend, lengths[0], lengths[2], lengths[1], value.Data.Lengths[3]);
        DeviceTensor output = joined.Transpose(1, 2);
        bool records = Records(tape, query, key, scoreVector, value);
        var forward = new AdditiveAttentionForward<TMask>
        {
            Query = query.Data,
            Key = key.Data,
            ScoreVector = scoreVector.Data,
            Value = value.Data,
            Mask = mask,
            Output = output,
            LogSumExp = records ? DeviceTensor.Allocate(backend, lengths[0], lengths[1], lengths[2]) : null,
            Options = options,
        };
        backend.Run(forward);
        return records ? RecordAdditive(tape!, [query, key, scoreVector, value], forward) : Plain(output, tape, query, key, scoreVector, value);
    }

    private static Variable RecordAdditive<TMask>(Tape tape, Variable[] inputs, in AdditiveAttentionForward<TMask> forward)
        where TMask : struct, IAttentionMask
    {
        var kept = new AdditiveAttentionForward<TMask>
        {
            Query = forward.Query.Share(),
            Key = forward.Key.Share(),
            ScoreVector = forward.ScoreVector.Share(),
            Value = forward.Value.Share(),
            Mask = forward.Mask,
            Output = forward.Output.Share(),
            LogSumExp = forward.LogSumExp,
            Options = forward.Options,
        };
        return Recorded(
            tape, forward.Output, inputs,
            (gradient, results) => gradient.Backend.Run(new AdditiveAttentionBackward<TMask>
            {
                Forward = kept,
                OutputGradient = gradient,
                QueryGradient = results[0],
                KeyGradient = results[1],
                ScoreVectorGradient = results[2],
                ValueGradient = results[3],
            }),
            kept.Query, kept.Key, kept.ScoreVector, kept.Value, kept.Output, kept.LogSumExp);
    }
}
