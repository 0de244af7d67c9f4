using Attention.Backends;
using Attention.Mechanisms;

namespace Attention.Autodiff;

public static partial class Differentiable
{
    /// <summary>Gated recurrent units and long short-term memory over whole sequences; see <see cref="GatedRecurrence"/>.</summary>
    /// <param name="inputGates">The input's share of the gates, biases included, <c>[batch, length, gates hiddenSize]</c>.</param>
    /// <param name="recurrentWeight"><c>[gates hiddenSize, hiddenSize]</c>.</param>
    /// <param name="recurrentBias"><c>[gates hiddenSize]</c>; null for none.</param>
    /// <param name="initialState"><c>[batch, hiddenSize]</c>; null for zeros.</param>
    /// <param name="initialCell">The memory cells of <see cref="RecurrentCell.Lstm"/>, <c>[batch, hiddenSize]</c>; null for zeros.</param>
    /// <param name="lengths">
    /// The length of each sequence; null if all fill the tensors. A recorded call keeps the array until it was played back.
    /// </param>
    /// <param name="options">Which cell, which direction.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static RecurrenceResult Recurrence(
        Variable inputGates, Variable recurrentWeight, Variable? recurrentBias = null, Variable? initialState = null,
        Variable? initialCell = null, int[]? lengths = null, RecurrenceOptions options = default)
    {
        ArgumentNullException.ThrowIfNull(inputGates);
        ArgumentNullException.ThrowIfNull(recurrentWeight);
        if (inputGates.Data.Rank != 3)
        {
            throw new ArgumentException(
                $"'{nameof(inputGates)}' has shape {Shapes.Text(inputGates.Data.Lengths)}; expected [batch, length, gates hiddenSize].", nameof(inputGates));
        }

        if (recurrentWeight.Data.Rank != 2)
        {
            throw new ArgumentException(
                $"'{nameof(recurrentWeight)}' has shape {Shapes.Text(recurrentWeight.Data.Lengths)}; expected [gates hiddenSize, hiddenSize].",
                nameof(recurrentWeight));
        }

        Variable?[] inputs = [inputGates, recurrentWeight, recurrentBias, initialState, initialCell];
        Tape? tape = Tape.Of(inputs);
        bool records = Records(tape, inputs);
        IComputeBackend backend = inputGates.Data.Backend;
        (nint batch, nint length, nint size) = (inputGates.Data.Lengths[0], inputGates.Data.Lengths[1], recurrentWeight.Data.Lengths[1]);

        // The states of all positions, the last state and the last memory cell are one tensor, so that they have one gradient.
        bool hasCell = options.Cell == RecurrentCell.Lstm;
        DeviceTensor joint = DeviceTensor.Allocate(backend, batch, length + (hasCell ? 2 : 1), size);
        DeviceTensor? trace = records
            ? DeviceTensor.Allocate(backend, batch, length, GatedRecurrence.TraceParts(options.Cell) * size)
            : null;
        using (DeviceTensor output = joint.Slice(1, 0, length))
        using (DeviceTensor finalState = State(joint, length))
        using (DeviceTensor? finalCell = hasCell ? State(joint, length + 1) : null)
        {
            backend.Run(new RecurrenceForward
            {
                InputGates = inputGates.Data,
                RecurrentWeight = recurrentWeight.Data,
                RecurrentBias = recurrentBias?.Data,
                InitialState = initialState?.Data,
                InitialCell = initialCell?.Data,
                Lengths = lengths,
                Output = output,
                FinalState = finalState,
                FinalCell = finalCell,
                Trace = trace,
                Options = options,
            });
        }

        using Variable result = records
            ? RecordRecurrence(tape!, joint, trace!, inputs, lengths, options)
            : Plain(joint, tape, inputs);
        return Divided(result, length, hasCell);
    }

    /// <summary>The positions of each sequence, and zeros behind them: what the padding holds, NaN included, is not read.</summary>
    /// <param name="input"><c>[batch, length, size]</c>.</param>
    /// <param name="lengths">The length of each sequence. A recorded call keeps the array until it was played back.</param>
    /// <returns>Of the input's shape.</returns>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    public static Variable ClearPadding(Variable input, int[] lengths)
    {
        ArgumentNullException.ThrowIfNull(input);
        ArgumentNullException.ThrowIfNull(lengths);
        Tape? tape = Tape.Of(input);
        DeviceTensor output = DeviceTensor.Allocate(input.Data.Backend, input.Data.Lengths);
        output.Backend.Run(new PaddingClear { Input = input.Data, Lengths = lengths, Output = output });
        return Records(tape, input)
            ? Recorded(
                tape!, output, [input],
                (gradient, results) => gradient.Backend.Run(new PaddingClear { Input = gradient, Lengths = lengths, Output = results[0]! }))
            : Plain(output, tape, input);
    }

    private static Variable RecordRecurrence(
        Tape tape, DeviceTensor joint, DeviceTensor trace, ReadOnlySpan<Variable?> inputs, int[]? lengths, RecurrenceOptions options)
    {
        DeviceTensor weight = inputs[1]!.Data.Share();
        DeviceTensor? initialState = inputs[3]?.Data.Share();
        DeviceTensor? initialCell = inputs[4]?.Data.Share();
        nint length = trace.Lengths[1];
        DeviceTensor output = joint.Slice(1, 0, length);
        return Recorded(
            tape, joint, inputs,
            (gradient, results) =>
            {
                using DeviceTensor outputGradient = gradient.Slice(1, 0, length);
                using DeviceTensor stateGradient = State(gradient, length);
                using DeviceTensor? cellGradient = gradient.Lengths[1] > length + 1 ? State(gradient, length + 1) : null;
                gradient.Backend.Run(new RecurrenceBackward
                {
                    RecurrentWeight = weight,
                    InitialState = initialState,
                    InitialCell = initialCell,
                    Lengths = lengths,
                    Output = output,
                    Trace = trace,
                    OutputGradient = outputGradient,
                    FinalStateGradient = stateGradient,
                    FinalCellGradient = cellGradient,
                    InputGatesGradient = results[0],
                    RecurrentWeightGradient = results[1],
                    RecurrentBiasGradient = results[2],
                    InitialStateGradient = results[3],
                    InitialCellGradient = results[4],
                    Options = options,
                });
            },
            weight, initialState, initialCell, output, trace);
    }

    /// <summary>The joint result's parts as variables.</summary>
    private static RecurrenceResult Divided(Variable joint, nint length, bool hasCell)
    {
        ReadOnlySpan<nint> states = hasCell ? [length, 1, 1] : [length, 1];
        Variable[] parts = joint.Split(1, states);
        Variable[] last = Array.ConvertAll(parts[1..], part => part.Reshape(joint.Data.Lengths[0], joint.Data.Lengths[2]));
        foreach (Variable part in parts[1..])
        {
            part.Dispose();
        }

        return new RecurrenceResult(parts[0], last[0], hasCell ? last[1] : null);
    }

    /// <summary>One position as <c>[batch, size]</c>.</summary>
    private static DeviceTensor State(DeviceTensor tensor, nint position)
    {
        using DeviceTensor part = tensor.Slice(1, position, 1);
        return part.Reshape(tensor.Lengths[0], tensor.Lengths[2]);
    }
}
