using Attention.Backends;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>
    /// Runs a block and keeps nothing of its inside: on the way back it is run again (Chen et al. 2016, "Training deep nets with
    /// sublinear memory cost"). The same numbers are dropped both times, and without the checkpoint.
    /// </summary>
    /// <param name="block">Computes a result from an input, and from parameters.</param>
    /// <param name="input">The input.</param>
    /// <exception cref="ArgumentNullException">An argument is null.</exception>
    public static Variable Checkpoint(Func<Variable, Variable> block, Variable input)
    {
        ArgumentNullException.ThrowIfNull(block);
        ArgumentNullException.ThrowIfNull(input);
        Tape? tape = Tape.Of(input);
        if (tape is null)
        {
            return block(input);
        }

        ulong drawn = tape.Drawn;
        DeviceTensor output;
        bool records;
        using (Tape first = tape.Continue(drawn))
        using (Variable inner = first.Constant(input.Data.Share()))
        using (Variable result = block(inner))
        {
            output = result.Data.Share();
            tape.Drawn = first.Drawn;
            records = input.Slot is not null || result.RequiresGradient;
        }

        return !records ? Plain(output, tape) : RecordCheckpoint(tape, output, block, input, drawn);
    }

    private static Variable RecordCheckpoint(Tape tape, DeviceTensor output, Func<Variable, Variable> block, Variable input, ulong drawn)
    {
        GradientSlot? slot = input.Slot;
        DeviceTensor kept = input.Data.Share();
        return Recorded(
            tape, output,
            gradient =>
            {
                using Tape second = tape.Continue(drawn);
                using Variable inner = slot is null ? second.Constant(kept.Share()) : second.Watch(kept.Share());
                using Variable result = block(inner);
                if (result.RequiresGradient)
                {
                    second.Backward(result, gradient);
                    if (inner.Gradient is { } inputGradient)
                    {
                        Add(slot, inputGradient);
                    }
                }
            },
            kept);
    }
}
