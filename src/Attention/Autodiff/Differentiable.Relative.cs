using Attention.Backends;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Attention by clipped distances; see <see cref="Mechanisms.RelativeAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key"><c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="keyTable">Added to the keys by distance, <c>[2k + 1, headSize]</c>; null for none.</param>
    /// <param name="valueTable">Added to the values by distance, <c>[2k + 1, valueSize]</c>; null for none, but not both.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="offset">The key that stands beside query 0.</param>
    /// <param name="options">Scale, dropout (of weights; only under a tape that trains), threads.</param>
    /// <returns><c>[batch, heads, queryLength, valueSize]</c>, laid out as <c>[batch, queryLength, heads, valueSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable RelativeAttention<TMask>(
        Variable query, Variable key, Variable value, Variable? keyTable, Variable? valueTable, in TMask mask, int offset = 0,
        AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        Tape? tape = Tape.Of(query, key, value, keyTable, valueTable);
        DeviceTensor output = JoinedHeads(query, key, value, tape, ref options);
        var inputs = new RelativeTensors
        {
            Query = query.Data,
            Key = key.Data,
            Value = value.Data,
            KeyTable = keyTable?.Data,
            ValueTable = valueTable?.Data,
            Offset = offset,
        };
        output.Backend.Run(new RelativeForward<TMask> { Inputs = inputs, Mask = mask, Output = output, Options = options });
        return Records(tape, query, key, value, keyTable, valueTable)
            ? RecordRelative(tape!, output, [query, key, value, keyTable, valueTable], mask, offset, options)
            : Plain(output, tape, query, key, value, keyTable, valueTable);
    }

    /// <summary>Attention with the relative positions of Transformer-XL; see <see cref="Mechanisms.TransformerXlAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query"><c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key"><c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="relativeKey">A row for each distance, the largest first, <c>[heads or 1, queryLength + keyLength - 1, headSize]</c>.</param>
    /// <param name="contentBias">Added to queries that meet keys, <c>[heads, headSize]</c>.</param>
    /// <param name="positionBias">Added to queries that meet relative keys, <c>[heads, headSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="options">Scale, dropout (of weights; only under a tape that trains), threads.</param>
    /// <returns><c>[batch, heads, queryLength, valueSize]</c>, laid out as <c>[batch, queryLength, heads, valueSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable TransformerXlAttention<TMask>(
        Variable query, Variable key, Variable value, Variable relativeKey, Variable contentBias, Variable positionBias, in TMask mask,
        AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(relativeKey);
        ArgumentNullException.ThrowIfNull(contentBias);
        ArgumentNullException.ThrowIfNull(positionBias);
        Tape? tape = Tape.Of(query, key, value, relativeKey, contentBias, positionBias);
        DeviceTensor output = JoinedHeads(query, key, value, tape, ref options);
        Variable[] inputs = [query, key, value, relativeKey, contentBias, positionBias];
        output.Backend.Run(new TransformerXlForward<TMask>
        {
            Inputs = TransformerXl([.. inputs.Select(static input => input.Data)]),
            Mask = mask,
            Output = output,
            Options = options,
        });
        return Records(tape, inputs) ? RecordTransformerXl(tape!, output, inputs, mask, options) : Plain(output, tape, inputs);
    }

    /// <summary>Memory for attention's output, laid out so that joining the heads needs no copy; decides the dropout.</summary>
    private static DeviceTensor JoinedHeads(Variable query, Variable key, Variable value, Tape? tape, ref AttentionOptions options)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(key);
        ArgumentNullException.ThrowIfNull(value);
        Rank4(query, nameof(query));
        Rank4(value, nameof(value));
        options = tape is { IsTraining: true } && options.Dropout > 0
            ? options with { DropoutSeed = tape.NextSeed() }
            : options with { Dropout = 0 };
        ReadOnlySpan<nint> lengths = query.Data.Lengths;
        using DeviceTensor joined = DeviceTensor.Allocate(query.Data.Backend, lengths[0], lengths[2], lengths[1], value.Data.Lengths[3]);
        return joined.Transpose(1, 2);
    }

    private static Variable RecordRelative<TMask>(
        Tape tape, DeviceTensor output, Variable?[] inputs, TMask mask, int offset, AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        DeviceTensor?[] kept = [.. inputs.Select(static input => input?.Data.Share())];
        return Recorded(
            tape, output, inputs, isNeeded: 3,
            (gradient, results) => gradient.Backend.Run(new RelativeBackward<TMask>
            {
                Inputs = Relative(kept, offset),
                Mask = mask,
                OutputGradient = gradient,
                Gradients = Relative(results, 0),
                Options = options,
            }),
            kept);
    }

    private static Variable RecordTransformerXl<TMask>(
        Tape tape, DeviceTensor output, Variable[] inputs, TMask mask, AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        DeviceTensor?[] kept = [.. inputs.Select(static input => input.Data.Share())];
        return Recorded(
            tape, output, inputs, isNeeded: inputs.Length,
            (gradient, results) => gradient.Backend.Run(new TransformerXlBackward<TMask>
            {
                Inputs = TransformerXl(kept),
                Mask = mask,
                OutputGradient = gradient,
                Gradients = TransformerXl(results),
                Options = options,
            }),
            kept);
    }

    private static RelativeTensors Relative(DeviceTensor?[] tensors, int offset) => new()
    {
        Query = tensors[0]!,
        Key = tensors[1]!,
        Value = tensors[2]!,
        KeyTable = tensors[3],
        ValueTable = tensors[4],
        Offset = offset,
    };

    private static TransformerXlTensors TransformerXl(DeviceTensor?[] tensors) => new()
    {
        Query = tensors[0]!,
        Key = tensors[1]!,
        Value = tensors[2]!,
        RelativeKey = tensors[3]!,
        ContentBias = tensors[4]!,
        PositionBias = tensors[5]!,
    };
}
