using Attention.Backends;
using Attention.Policies;
using Attention.Positions;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Scaled dot-product attention; see <see cref="Mechanisms.ScaledDotProductAttention"/>.</summary>
    /// <typeparam name="TMask">The mask's type.</typeparam>
    /// <typeparam name="TModifier">The modifier's type.</typeparam>
    /// <param name="query"><c>[batch, heads, queryLength, headSize]</c>.</param>
    /// <param name="key"><c>[batch, keyValueHeads, keyLength, headSize]</c>.</param>
    /// <param name="value"><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</param>
    /// <param name="mask">Which keys a query may attend to.</param>
    /// <param name="modifier">Changes each score after scaling.</param>
    /// <param name="bias">Added to the scores, broadcast to <c>[batch, heads, queryLength, keyLength]</c>; null for none.</param>
    /// <param name="sinkLogits"><c>[heads]</c>; null for none.</param>
    /// <param name="options">Scale, dropout (of weights; only under a tape that trains), threads.</param>
    /// <returns>
    /// <c>[batch, heads, queryLength, valueSize]</c>, laid out as <c>[batch, queryLength, heads, valueSize]</c>, so that joining the
    /// heads needs no copy.
    /// </returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable Attention<TMask, TModifier>(
        Variable query, Variable key, Variable value, in TMask mask, in TModifier modifier,
        Variable? bias = null, Variable? sinkLogits = null, AttentionOptions options = default)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        Tape? tape = Tape.Of(query, key, value, bias, sinkLogits);
        DeviceTensor output = JoinedHeads(query, key, value, tape, ref options);
        IComputeBackend backend = output.Backend;
        ReadOnlySpan<nint> lengths = query.Data.Lengths;
        var inputs = new AttentionTensors
        {
            Query = query.Data,
            Key = key.Data,
            Value = value.Data,
            Bias = bias?.Data,
            SinkLogits = sinkLogits?.Data,
        };
        bool records = Records(tape, query, key, value, bias, sinkLogits);
        DeviceTensor? logSumExp = records ? DeviceTensor.Allocate(backend, lengths[0], lengths[1], lengths[2]) : null;
        backend.AttentionForward(inputs, mask, modifier, output, logSumExp, options);
        return records
            ? RecordAttention(tape!, output, logSumExp!, [query, key, value, bias, sinkLogits], mask, modifier, options)
            : Plain(output, tape, query, key, value, bias, sinkLogits);
    }

    /// <summary>Rotary positions; see <see cref="Rotary"/>.</summary>
    /// <param name="input"><c>[batch, heads, length, headSize]</c>.</param>
    /// <param name="rotation">The angles, and which numbers are pairs.</param>
    /// <param name="offset">The position of row 0, the others following.</param>
    /// <param name="positions">The position of every row, <c>[batch, length]</c>, instead; empty for none.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit, or a position lies beyond the table.</exception>
    public static Variable Rotate(Variable input, in Rotation rotation, int offset = 0, ReadOnlySpan<int> positions = default)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tape? tape = Tape.Of(input);
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, input.Data.Lengths);
        input.Data.Backend.Rotate(input.Data, rotation, positions, offset, false, output);
        return Records(tape, input) ? RecordRotate(tape!, output, input, rotation, positions.ToArray(), offset) : Plain(output, tape, input);
    }

    private static void Rank4(Variable variable, string name)
    {
        if (variable.Data.Rank != 4)
        {
            throw new ArgumentException(
                $"'{name}' has shape {Shapes.Text(variable.Data.Lengths)}; expected [batch, heads, length, size].", name);
        }
    }

    private static Variable RecordAttention<TMask, TModifier>(
        Tape tape, DeviceTensor output, DeviceTensor logSumExp, Variable?[] inputs, TMask mask, TModifier modifier, AttentionOptions options)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        DeviceTensor?[] kept = [.. inputs.Select(static input => input?.Data.Share())];
        DeviceTensor keptOutput = output.Share();
        return Recorded(
            tape, output, inputs, isNeeded: 3,
            (gradient, results) => gradient.Backend.AttentionBackward(
                Tensors(kept), mask, modifier, keptOutput, logSumExp, gradient, Tensors(results), options),
            [.. kept, keptOutput, logSumExp]);
    }

    private static AttentionTensors Tensors(DeviceTensor?[] tensors) => new()
    {
        Query = tensors[0]!,
        Key = tensors[1]!,
        Value = tensors[2]!,
        Bias = tensors[3],
        SinkLogits = tensors[4],
    };

    private static Variable RecordRotate(
        Tape tape, DeviceTensor output, Variable input, Rotation rotation, int[] positions, int offset) =>
        Recorded(
            tape, output, [input],
            (gradient, results) => gradient.Backend.Rotate(gradient, rotation, positions, offset, true, results[0]!));

    /// <summary>Where a computation that overwrites writes the gradient of an input.</summary>
    /// <param name="Tensor">The slot's own memory if it is the first contribution, or memory to be added to it; null if not wanted.</param>
    /// <param name="Target">What to add it to, or null.</param>
    /// <param name="IsTemporary">Whether <paramref name="Tensor"/> is to be disposed.</param>
    private readonly record struct GradientResult(DeviceTensor? Tensor, DeviceTensor? Target, bool IsTemporary)
    {
        internal static GradientResult For(GradientSlot? slot, DeviceTensor? model, bool isNeeded)
        {
            if (slot is null)
            {
                return isNeeded ? new GradientResult(DeviceTensor.Allocate(model!.Backend, model.Lengths), null, true) : default;
            }

            DeviceTensor target = slot.Target(out float beta);
            return beta == 0
                ? new GradientResult(target, null, false)
                : new GradientResult(DeviceTensor.Allocate(target.Backend, target.Lengths), target, true);
        }

        internal void Finish()
        {
            if (Target is not null)
            {
                Target.Backend.Accumulate(Tensor!, Target, 1, 1);
            }

            if (IsTemporary)
            {
                Tensor!.Dispose();
            }
        }
    }
}
