using Attention.Backends;
using Attention.Operators;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary><c>left + right</c>, axes of length 1 or missing in front repeated.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that meets it.</param>
    /// <exception cref="ArgumentException">The shapes do not meet.</exception>
    public static Variable Add(Variable left, Variable right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        Tape? tape = Tape.Of(left, right);
        DeviceTensor output = DeviceTensor.Allocate(left.Data.Backend, Broadcast(left.Data, right.Data));
        output.Backend.Accumulate(left.Data, output);
        output.Backend.Accumulate(right.Data, output, 1, 1);
        return Records(tape, left, right) ? RecordAdd(tape!, output, left.Slot, right.Slot) : Plain(output, tape, left, right);
    }

    /// <summary><c>left right</c>, number by number, axes of length 1 or missing in front repeated.</summary>
    /// <param name="left">Any shape.</param>
    /// <param name="right">A shape that meets it.</param>
    /// <exception cref="ArgumentException">The shapes do not meet.</exception>
    public static Variable Multiply(Variable left, Variable right)
    {
        ArgumentNullException.ThrowIfNull(left);
        ArgumentNullException.ThrowIfNull(right);
        Tape? tape = Tape.Of(left, right);
        DeviceTensor output = DeviceTensor.Allocate(left.Data.Backend, Broadcast(left.Data, right.Data));
        output.Backend.Multiply(left.Data, right.Data, output);
        return Records(tape, left, right) ? RecordMultiply(tape!, output, left, right) : Plain(output, tape, left, right);
    }

    /// <summary><c>factor input</c>.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="factor">A number.</param>
    public static Variable Scale(Variable input, float factor)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tape? tape = Tape.Of(input);
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, input.Data.Lengths);
        output.Backend.Accumulate(input.Data, output, factor);
        return Records(tape, input) ? RecordScale(tape!, output, input.Slot, factor) : Plain(output, tape, input);
    }

    /// <summary>The sum of all numbers times <paramref name="factor"/>, of shape <c>[1]</c>.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="factor">A number; one by the count for the mean.</param>
    public static Variable Sum(Variable input, float factor = 1)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tape? tape = Tape.Of(input);
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, 1);
        output.Backend.Sum(input.Data, output, factor);
        return Records(tape, input) ? RecordScale(tape!, output, input.Slot, factor) : Plain(output, tape, input);
    }

    /// <summary>The sum over one axis, which keeps length 1, times <paramref name="factor"/>.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="axis">The axis; negative ones count from the end.</param>
    /// <param name="factor">A number; one by the axis' length for the mean.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such axis.</exception>
    public static Variable SumAxis(Variable input, int axis, float factor = 1)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tape? tape = Tape.Of(input);
        nint[] lengths = input.Data.Lengths.ToArray();
        lengths[Shapes.Axis(axis, lengths.Length, nameof(axis))] = 1;
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, lengths);
        output.Backend.Sum(input.Data, output, factor);
        return Records(tape, input) ? RecordScale(tape!, output, input.Slot, factor) : Plain(output, tape, input);
    }

    /// <summary>Puts tensors one behind the other along an axis.</summary>
    /// <param name="axis">The axis; negative ones count from the end.</param>
    /// <param name="inputs">At least one; they differ at most in that axis.</param>
    /// <exception cref="ArgumentException">There is no input, or the shapes differ elsewhere.</exception>
    public static Variable Concatenate(int axis, params ReadOnlySpan<Variable> inputs)
    {
        if (inputs.IsEmpty)
        {
            throw new ArgumentException($"'{nameof(inputs)}' is empty.", nameof(inputs));
        }

        axis = Shapes.Axis(axis, inputs[0].Data.Rank, nameof(axis));
        nint[] lengths = inputs[0].Data.Lengths.ToArray();
        lengths[axis] = 0;
        foreach (Variable input in inputs)
        {
            if (input.Data.Rank != lengths.Length || !SameBut(input.Data.Lengths, inputs[0].Data.Lengths, axis))
            {
                throw new ArgumentException(
                    $"'{nameof(inputs)}' have shapes {Shapes.Text(inputs[0].Data.Lengths)} and {Shapes.Text(input.Data.Lengths)}; they may differ in axis {axis} alone.", nameof(inputs));
            }

            lengths[axis] += input.Data.Lengths[axis];
        }

        Tape? tape = Tape.Of(inputs!);
        DeviceTensor output = DeviceTensor.Allocate(inputs[0].Data.Backend, lengths);
        nint start = 0;
        foreach (Variable input in inputs)
        {
            using DeviceTensor part = output.Slice(axis, start, input.Data.Lengths[axis]);
            output.Backend.Accumulate(input.Data, part);
            start += input.Data.Lengths[axis];
        }

        return Records(tape, inputs!) ? RecordConcatenate(tape!, output, axis, inputs) : Plain(output, tape, inputs!);
    }

    /// <summary>A copy whose numbers lie side by side in row-major order.</summary>
    /// <param name="input">Any strides.</param>
    public static Variable Copy(Variable input) => Scale(input, 1);

    /// <summary>Applies an activation function to every number.</summary>
    /// <param name="kind">Which.</param>
    /// <param name="input">Its arguments.</param>
    public static Variable Activate(ActivationKind kind, Variable input)
    {
        ArgumentNullException.ThrowIfNull(input);
        Tape? tape = Tape.Of(input);
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, input.Data.Lengths);
        output.Backend.Activate(kind, input.Data, output);
        return Records(tape, input) ? RecordActivate(tape!, output, kind, input) : Plain(output, tape, input);
    }

    /// <summary>Drops numbers and divides the others by <c>1 - probability</c>, under a tape that trains; otherwise a share of the input.</summary>
    /// <param name="input">Any shape.</param>
    /// <param name="probability">In [0, 1].</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="probability"/> is not in [0, 1].</exception>
    public static Variable Drop(Variable input, float probability)
    {
        ArgumentNullException.ThrowIfNull(input);
        if (!(probability is >= 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(probability), probability, "A probability lies in [0, 1].");
        }

        Tape? tape = Tape.Of(input);
        if (tape is not { IsTraining: true } || probability == 0)
        {
            return input.Reshape(input.Data.Lengths);
        }

        ulong seed = tape.NextSeed();
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, input.Data.Lengths);
        output.Backend.Drop(input.Data, probability, seed, output);
        return Records(tape, input) ? RecordDrop(tape, output, input.Slot!, probability, seed) : Plain(output, tape, input);
    }

    private static bool SameBut(ReadOnlySpan<nint> left, ReadOnlySpan<nint> right, int axis) =>
        left[..axis].SequenceEqual(right[..axis]) && left[(axis + 1)..].SequenceEqual(right[(axis + 1)..]);

    private static Variable RecordAdd(Tape tape, DeviceTensor output, GradientSlot? left, GradientSlot? right) =>
        Recorded(
            tape, output,
            gradient =>
            {
                Add(left, gradient);
                Add(right, gradient);
            });

    private static Variable RecordMultiply(Tape tape, DeviceTensor output, Variable left, Variable right)
    {
        (GradientSlot? leftSlot, GradientSlot? rightSlot) = (left.Slot, right.Slot);
        DeviceTensor a = left.Data.Share();
        DeviceTensor b = right.Data.Share();
        return Recorded(
            tape, output,
            gradient =>
            {
                AddProduct(leftSlot, gradient, b);
                AddProduct(rightSlot, gradient, a);
            },
            a, b);
    }

    private static void AddProduct(GradientSlot? slot, DeviceTensor gradient, DeviceTensor factor)
    {
        if (slot is null)
        {
            return;
        }

        DeviceTensor target = slot.Target(out float beta);
        if (target.Lengths.SequenceEqual(gradient.Lengths))
        {
            gradient.Backend.Multiply(gradient, factor, target, beta);
            return;
        }

        using DeviceTensor product = DeviceTensor.Allocate(gradient.Backend, gradient.Lengths);
        gradient.Backend.Multiply(gradient, factor, product);
        gradient.Backend.Sum(product, target, 1, beta);
    }

    /// <remarks>The gradient of a sum is broadcast to its input, that of a scaled copy has its shape already.</remarks>
    private static Variable RecordScale(Tape tape, DeviceTensor output, GradientSlot? slot, float factor) =>
        Recorded(
            tape, output,
            gradient =>
            {
                DeviceTensor target = slot!.Target(out float beta);
                gradient.Backend.Accumulate(gradient, target, factor, beta);
            });

    private static Variable RecordConcatenate(Tape tape, DeviceTensor output, int axis, ReadOnlySpan<Variable> inputs)
    {
        var slots = new GradientSlot?[inputs.Length];
        nint[] lengths = new nint[inputs.Length];
        for (int i = 0; i < inputs.Length; i++)
        {
            slots[i] = inputs[i].Slot;
            lengths[i] = inputs[i].Data.Lengths[axis];
        }

        return Recorded(
            tape, output,
            gradient =>
            {
                nint start = 0;
                for (int i = 0; i < slots.Length; i++)
                {
                    using DeviceTensor part = gradient.Slice(axis, start, lengths[i]);
                    Add(slots[i], part);
                    start += lengths[i];
                }
            });
    }

    private static Variable RecordActivate(Tape tape, DeviceTensor output, ActivationKind kind, Variable input)
    {
        GradientSlot slot = input.Slot!;
        DeviceTensor arguments = input.Data.Share();
        return Recorded(
            tape, output,
            gradient =>
            {
                DeviceTensor target = slot.Target(out float beta);
                gradient.Backend.ActivateBackward(kind, arguments, gradient, target, beta);
            },
            arguments);
    }

    private static Variable RecordDrop(Tape tape, DeviceTensor output, GradientSlot slot, float probability, ulong seed) =>
        Recorded(
            tape, output,
            gradient =>
            {
                DeviceTensor target = slot.Target(out float beta);
                gradient.Backend.Drop(gradient, probability, seed, target, beta);
            });
}
