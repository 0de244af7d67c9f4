using Attention.Backends;
using Attention.Policies;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Additive attention; see <see cref="Mechanisms.AdditiveAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <param name="query">The projected queries, <c>[batch, heads, queryLength, hiddenSize]</c>.</param>
    /// <param name="key">The projected keys, <c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</param>
    /// <param name="scoreVector">The score vector, <c>[hiddenSize]</c>.</param>
    /// <param name="value">The values, <c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="options">Dropout (of weights; only under a tape that trains), threads.</param>
    /// <returns><c>[batch, heads, queryLength, valueSize]</c>, laid out as <c>[batch, queryLength, heads, valueSize]</c>.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable AdditiveAttention<TMask>(
        Variable query, Variable key, Variable scoreVector, Variable value, in TMask mask, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
    {
        ArgumentNullException.ThrowIfNull(scoreVector);
        Tape? tape = Tape.Of(query, key, scoreVector, value);
        DeviceTensor output = JoinedHeads(query, key, value, tape, ref options);
        Variable[] inputs = [query, key, scoreVector, value];
        output.Backend.Run(new AdditiveForward<TMask>
        {
            Inputs = Additive([.. inputs.Select(static input => input.Data)]),
            Mask = mask,
            Output = output,
            Options = options,
        });
        return Records(tape, inputs) ? RecordAdditive(tape!, output, inputs, mask, options) : Plain(output, tape, inputs);
    }

    private static Variable RecordAdditive<TMask>(Tape tape, DeviceTensor output, Variable[] inputs, TMask mask, AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        DeviceTensor?[] kept = [.. inputs.Select(static input => input.Data.Share())];
        return Recorded(
            tape, output, inputs,
            (gradient, results) => gradient.Backend.Run(new AdditiveBackward<TMask>
            {
                Inputs = Additive(kept),
                Mask = mask,
                OutputGradient = gradient,
                Gradients = Additive(results),
                Options = options,
            }),
            kept);
    }

    private static AdditiveTensors Additive(DeviceTensor?[] tensors) => new()
    {
        Query = tensors[0],
        Key = tensors[1],
        ScoreVector = tensors[2],
        Value = tensors[3],
    };
}
