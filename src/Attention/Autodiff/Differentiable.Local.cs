using Attention.Backends;
using Attention.Mechanisms;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Attention to a window around a position; see <see cref="Mechanisms.LocalAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key"><c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="position">Where each query looks, <c>[batch, queryLength]</c>; has a gradient where the window is a Gaussian.</param>
    /// <param name="window">How far a query sees. A recorded call keeps its array of key lengths until it was played back.</param>
    /// <param name="mask">Which keys a query may attend to, besides.</param>
    /// <param name="options">Scale, dropout (of weights; only under a tape that trains), threads.</param>
    /// <returns>
    /// <c>[batch, heads, queryLength, valueSize]</c>, laid out as <c>[batch, queryLength, heads, valueSize]</c>, so that joining the
    /// heads needs no copy.
    /// </returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable LocalAttention<TMask>(
        Variable query, Variable key, Variable value, Variable position, LocalWindow window, in TMask mask, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        ArgumentNullException.ThrowIfNull(position);
        Rank4(query, nameof(query));
        Rank4(value, nameof(value));
        Tape? tape = Tape.Of(query, key, value, position);
        options = tape is { IsTraining: true } && options.Dropout > 0
            ? options with { DropoutSeed = tape.NextSeed() }
            : options with { Dropout = 0 };
        IComputeBackend backend = query.Data.Backend;
        ReadOnlySpan<nint> lengths = query.Data.Lengths;
        using DeviceTensor joined = DeviceTensor.Allocate(backend, lengths[0], lengths[2], lengths[1], value.Data.Lengths[3]);
        DeviceTensor output = joined.Transpose(1, 2);
        backend.Run(new LocalAttentionForward<TMask>
        {
            Query = query.Data,
            Key = key.Data,
            Value = value.Data,
            Position = position.Data,
            Window = window,
            Mask = mask,
            Output = output,
            Options = options,
        });
        return Records(tape, query, key, value, position)
            ? RecordLocalAttention(tape!, output, [query, key, value, position], window, mask, options)
            : Plain(output, tape);
    }

    private static Variable RecordLocalAttention<TMask>(
        Tape tape, DeviceTensor output, ReadOnlySpan<Variable?> inputs, LocalWindow window, TMask mask, AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        DeviceTensor query = inputs[0]!.Data.Share();
        DeviceTensor key = inputs[1]!.Data.Share();
        DeviceTensor value = inputs[2]!.Data.Share();
        DeviceTensor position = inputs[3]!.Data.Share();
        return Recorded(
            tape, output, inputs,
            (gradient, results) => gradient.Backend.Run(new LocalAttentionBackward<TMask>
            {
                Query = query,
                Key = key,
                Value = value,
                Position = position,
                Window = window,
                Mask = mask,
                OutputGradient = gradient,
                QueryGradient = results[0],
                KeyGradient = results[1],
                ValueGradient = results[2],
                PositionGradient = results[3],
                Options = options,
            }),
            query, key, value, position);
    }
}
