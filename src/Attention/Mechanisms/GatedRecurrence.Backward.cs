using System.Numerics.Tensors;
using Attention.Tiles;

namespace Attention.Mechanisms;

public static unsafe partial class GatedRecurrence
{
    /// <summary>Computes the gradients of a recurrence, back through time.</summary>
    /// <param name="recurrentWeight">As in the forward pass.</param>
    /// <param name="initialState">As in the forward pass.</param>
    /// <param name="initialCell">As in the forward pass.</param>
    /// <param name="lengths">As in the forward pass.</param>
    /// <param name="output">What the forward pass gave, <c>[batch, length, hiddenSize]</c>.</param>
    /// <param name="trace">What the forward pass gave, <c>[batch, length, parts hiddenSize]</c>.</param>
    /// <param name="outputGradient">The gradient of the loss by the output, of its shape; <c>default</c> for none. Its padding is not read.</param>
    /// <param name="finalStateGradient">The gradient by the final state, <c>[batch, hiddenSize]</c>; <c>default</c> for none.</param>
    /// <param name="finalCellGradient">The gradient by the final memory cell, <c>[batch, hiddenSize]</c>; <c>default</c> for none.</param>
    /// <param name="inputGatesGradient">Overwritten, <c>[batch, length, gates hiddenSize]</c>, zeros in the padding; <c>default</c> if not wanted.</param>
    /// <param name="recurrentWeightGradient">Overwritten, of the weight's shape; <c>default</c> if not wanted.</param>
    /// <param name="recurrentBiasGradient">Overwritten, <c>[gates hiddenSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="initialStateGradient">Overwritten, <c>[batch, hiddenSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="initialCellGradient">Overwritten, <c>[batch, hiddenSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="options">The options of the forward pass.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    public static void Backward(
        in ReadOnlyTensorSpan<float> recurrentWeight, in ReadOnlyTensorSpan<float> initialState, in ReadOnlyTensorSpan<float> initialCell,
        ReadOnlySpan<int> lengths, in ReadOnlyTensorSpan<float> output, in ReadOnlyTensorSpan<float> trace,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> finalStateGradient,
        in ReadOnlyTensorSpan<float> finalCellGradient, in TensorSpan<float> inputGatesGradient, in TensorSpan<float> recurrentWeightGradient,
        in TensorSpan<float> recurrentBiasGradient, in TensorSpan<float> initialStateGradient, in TensorSpan<float> initialCellGradient,
        in RecurrenceOptions options)
    {
        RecurrentProblem forward = RecurrenceCheck.Problem(
            options, recurrentWeight, trace, nameof(trace), TraceParts(options.Cell), TraceShape);
        RecurrenceCheck.Lengths(forward, lengths);
        forward.Trace = new Operand { BatchStride = trace.Strides[0], RowStride = trace.Strides[1] };
        forward.Output = RecurrenceCheck.Positions(forward, output, 1, nameof(output), OutputShape);
        forward.InitialState = RecurrenceCheck.State(forward, initialState, nameof(initialState));
        forward.InitialCell = RecurrenceCheck.Cell(forward, initialCell, options, nameof(initialCell));
        RecurrenceCheck.Bias(forward, recurrentBiasGradient, options, nameof(recurrentBiasGradient));
        RecurrentGradientProblem problem = new()
        {
            OutputGradient = outputGradient.Rank == 0
                ? default
                : RecurrenceCheck.Positions(forward, outputGradient, 1, nameof(outputGradient), OutputShape),
            FinalStateGradient = RecurrenceCheck.State(forward, finalStateGradient, nameof(finalStateGradient)),
            FinalCellGradient = RecurrenceCheck.Cell(forward, finalCellGradient, options, nameof(finalCellGradient)),
            InputGatesGradient = inputGatesGradient.Rank == 0
                ? default
                : RecurrenceCheck.Positions(forward, inputGatesGradient, Gates(options.Cell), nameof(inputGatesGradient), GatesShape),
            InitialStateGradient = RecurrenceCheck.State(forward, initialStateGradient, nameof(initialStateGradient)),
            InitialCellGradient = RecurrenceCheck.Cell(forward, initialCellGradient, options, nameof(initialCellGradient)),
        };
        if (recurrentWeightGradient.Rank != 0)
        {
            Guard.Shape(recurrentWeightGradient, recurrentWeight.Lengths, nameof(recurrentWeightGradient), "the shape of 'recurrentWeight'");
            problem.WeightGradient.RowStride = recurrentWeightGradient.Strides[0];
        }

        // Thirteen operands are more than one list holds: each result is held against both halves of the inputs.
        OverlapCheck given = default;
        given.Add(recurrentWeight, nameof(recurrentWeight));
        given.Add(initialState, nameof(initialState));
        given.Add(initialCell, nameof(initialCell));
        given.Add(output, nameof(output));
        OverlapCheck after = default;
        after.Add(trace, nameof(trace));
        after.Add(outputGradient, nameof(outputGradient));
        after.Add(finalStateGradient, nameof(finalStateGradient));
        after.Add(finalCellGradient, nameof(finalCellGradient));
        Result(ref given, ref after, inputGatesGradient, nameof(inputGatesGradient));
        Result(ref given, ref after, recurrentWeightGradient, nameof(recurrentWeightGradient));
        Result(ref given, ref after, recurrentBiasGradient, nameof(recurrentBiasGradient));
        Result(ref given, ref after, initialStateGradient, nameof(initialStateGradient));
        Result(ref given, ref after, initialCellGradient, nameof(initialCellGradient));

        fixed (float* weightAddress = recurrentWeight, initialStateAddress = initialState, initialCellAddress = initialCell)
        fixed (float* outputAddress = output, traceAddress = trace, outputGradientAddress = outputGradient)
        fixed (float* finalStateAddress = finalStateGradient, finalCellAddress = finalCellGradient, gatesAddress = inputGatesGradient)
        fixed (float* weightGradientAddress = recurrentWeightGradient, biasGradientAddress = recurrentBiasGradient)
        fixed (float* initialStateGradientAddress = initialStateGradient, initialCellGradientAddress = initialCellGradient)
        fixed (int* lengthsAddress = lengths)
        {
            forward.Lengths = lengthsAddress;
            forward.Weight.Address = weightAddress;
            forward.InitialState.Address = initialStateAddress;
            forward.InitialCell.Address = initialCellAddress;
            forward.Output.Address = outputAddress;
            forward.Trace.Address = traceAddress;
            problem.Forward = forward;
            problem.OutputGradient.Address = outputGradientAddress;
            problem.FinalStateGradient.Address = finalStateAddress;
            problem.FinalCellGradient.Address = finalCellAddress;
            problem.InputGatesGradient.Address = gatesAddress;
            problem.WeightGradient.Address = weightGradientAddress;
            problem.BiasGradient = biasGradientAddress;
            problem.InitialStateGradient.Address = initialStateGradientAddress;
            problem.InitialCellGradient.Address = initialCellGradientAddress;
            switch (options.Cell)
            {
                case RecurrentCell.GruResetAfter:
                    RecurrentPass.Backward<GruResetAfterCell>(problem, options.MaxDegreeOfParallelism, options.Width);
                    break;
                case RecurrentCell.GruResetBefore:
                    RecurrentPass.Backward<GruResetBeforeCell>(problem, options.MaxDegreeOfParallelism, options.Width);
                    break;
                default:
                    RecurrentPass.Backward<LstmCell>(problem, options.MaxDegreeOfParallelism, options.Width);
                    break;
            }
        }
    }

    private static void Result(
        ref OverlapCheck given, ref OverlapCheck after, in ReadOnlyTensorSpan<float> result, string name)
    {
        RecurrenceCheck.Written(result, name);
        given.Check(result, name);
        after.Check(result, name);
    }
}
