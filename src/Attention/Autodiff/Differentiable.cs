using Attention.Backends;

namespace Attention.Autodiff;

/// <summary>
/// The computations that layers are made of, on variables: each runs on the backend of its inputs and, under a tape, records
/// how its gradient is computed there.
/// </summary>
/// <remarks>
/// Results are new variables, which the caller disposes. All inputs must live on one backend; those that have a tape, on one
/// tape.
/// </remarks>
public static partial class Differentiable
{
    /// <summary>Whether a computation must be recorded.</summary>
    private static bool Records(Tape? tape, params ReadOnlySpan<Variable?> inputs)
    {
        if (tape is not null)
        {
            foreach (Variable? input in inputs)
            {
                if (input?.Slot is not null)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>The result of a computation that is not recorded.</summary>
    /// <param name="data">What was computed.</param>
    /// <param name="tape">The tape.</param>
    /// <param name="inputs">What it was computed from: where one has a gradient that no tape records, the result must not meet a tape.</param>
    private static Variable Plain(DeviceTensor data, Tape? tape, params ReadOnlySpan<Variable?> inputs)
    {
        bool isUntracked = false;
        foreach (Variable? input in inputs)
        {
            isUntracked |= tape is null && input is not null && (input.IsUntracked || input.Slot is not null);
        }

        return new Variable(data, tape, null) { IsUntracked = isUntracked };
    }

    /// <summary>The result of a recorded computation.</summary>
    /// <param name="tape">The tape.</param>
    /// <param name="data">What was computed.</param>
    /// <param name="backward">Given the gradient of the result; adds to the slots of the inputs.</param>
    /// <param name="kept">What it reads; the tape disposes it.</param>
    private static Variable Recorded(Tape tape, DeviceTensor data, Action<DeviceTensor> backward, params DeviceTensor?[] kept)
    {
        var slot = new GradientSlot(data);
        tape.Record(slot, backward, kept);
        return new Variable(data, tape, slot);
    }

    /// <summary>The result of a recorded computation whose gradients overwrite.</summary>
    /// <param name="tape">The tape.</param>
    /// <param name="data">What was computed.</param>
    /// <param name="inputs">What it was computed from; null for inputs that are absent.</param>
    /// <param name="backward">
    /// Given the gradient of the result, and a tensor of each input's shape to overwrite with the input's gradient: null where
    /// nobody asks for it.
    /// </param>
    /// <param name="kept">What <paramref name="backward"/> reads; the tape disposes it.</param>
    private static Variable Recorded(
        Tape tape, DeviceTensor data, ReadOnlySpan<Variable?> inputs, Action<DeviceTensor, DeviceTensor?[]> backward,
        params DeviceTensor?[] kept) => Recorded(tape, data, inputs, 0, backward, kept);

    /// <summary>The same for a computation that always writes the gradients of its first inputs.</summary>
    /// <param name="tape">The tape.</param>
    /// <param name="data">What was computed.</param>
    /// <param name="inputs">What it was computed from.</param>
    /// <param name="isNeeded">Inputs whose gradient is written even where nobody asks for it; these come first among those kept too.</param>
    /// <param name="backward">Given the gradient of the result and where those of the inputs go.</param>
    /// <param name="kept">What <paramref name="backward"/> reads; the tape disposes it.</param>
    private static Variable Recorded(
        Tape tape, DeviceTensor data, ReadOnlySpan<Variable?> inputs, int isNeeded, Action<DeviceTensor, DeviceTensor?[]> backward,
        params DeviceTensor?[] kept)
    {
        var slots = new GradientSlot?[inputs.Length];
        for (int i = 0; i < slots.Length; i++)
        {
            slots[i] = inputs[i]?.Slot;
        }

        return Recorded(
            tape, data,
            gradient =>
            {
                var results = new GradientResult[slots.Length];
                for (int i = 0; i < slots.Length; i++)
                {
                    results[i] = i < isNeeded
                        ? GradientResult.For(slots[i], kept[i], isNeeded: true)
                        : GradientResult.For(slots[i], null, isNeeded: false);
                }

                backward(gradient, Array.ConvertAll(results, static result => result.Tensor));
                foreach (GradientResult result in results)
                {
                    result.Finish();
                }
            },
            kept);
    }

    /// <summary>A tensor as rows of its last axis, without a copy where its strides allow it.</summary>
    private static DeviceTensor Rows(DeviceTensor tensor)
    {
        nint size = tensor.Rank == 0 ? 1 : tensor.Lengths[^1];
        nint rows = size == 0 ? 0 : tensor.Count / size;
        if (tensor.CanReshape(rows, size))
        {
            return tensor.Reshape(rows, size);
        }

        using DeviceTensor copy = DeviceTensor.Allocate(tensor.Backend, tensor.Lengths);
        tensor.Backend.Accumulate(tensor, copy);
        return copy.Reshape(rows, size);
    }

    /// <summary>Adds a gradient to the slot of an input that may have been broadcast.</summary>
    private static void Add(GradientSlot? slot, DeviceTensor gradient, float alpha = 1)
    {
        if (slot is null)
        {
            return;
        }

        DeviceTensor target = slot.Target(out float beta);
        if (target.Lengths.SequenceEqual(gradient.Lengths))
        {
            gradient.Backend.Accumulate(gradient, target, alpha, beta);
        }
        else
        {
            gradient.Backend.Sum(gradient, target, alpha, beta);
        }
    }

    /// <summary>The shape in which two shapes meet.</summary>
    private static nint[] Broadcast(DeviceTensor left, DeviceTensor right)
    {
        int rank = Math.Max(left.Rank, right.Rank);
        nint[] lengths = new nint[rank];
        for (int axis = 1; axis <= rank; axis++)
        {
            nint first = axis <= left.Rank ? left.Lengths[^axis] : 1;
            nint second = axis <= right.Rank ? right.Lengths[^axis] : 1;
            lengths[^axis] = first == second || second == 1 ? first : first == 1 ? second : throw new ArgumentException(
                $"'{nameof(right)}' has shape {Shapes.Text(right.Lengths)}, which does not meet {Shapes.Text(left.Lengths)}.", nameof(right));
        }

        return lengths;
    }
}
