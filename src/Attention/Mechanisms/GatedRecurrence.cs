using System.Numerics.Tensors;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>
/// Gated recurrent units and long short-term memory over whole sequences: <see cref="RecurrentCell"/> says what a step computes.
/// </summary>
/// <remarks>
/// <para>
/// The input's share of all gates comes in, <c>x W^T + b</c> for all positions in one product of the caller's; a single step is a
/// sequence of length 1. Sequences may be shorter than the tensors: a reversed pass begins at each sequence's own last position, the
/// padding is never read, its outputs are 0, its gradients too, and a sequence of length 0 leaves its first state as it is.
/// </para>
/// <para>
/// Sequences are computed twelve at a time, and a batch of more by several threads; fewer share the threads within each product. Bits
/// depend on neither, nor on the batch around a sequence, but those of the gradients of weight and bias, which are sums over the batch.
/// Forward takes about one copy of the weight, and twelve rows a thread, of memory; backward, for the gradients of weight
/// and bias, <c>(gates + 2) hiddenSize</c> floats a position. Nothing is allocated once the working memory has grown.
/// </para>
/// </remarks>
public static unsafe partial class GatedRecurrence
{
    private const string GatesShape = "[batch, length, gates hiddenSize]";
    private const string OutputShape = "[batch, length, hiddenSize]";
    private const string TraceShape = "[batch, length, parts hiddenSize]";

    /// <summary>How many gates a cell has: the weight has so many rows for each number of the state.</summary>
    /// <param name="cell">The cell.</param>
    public static int Gates(RecurrentCell cell) => cell == RecurrentCell.Lstm ? LstmCell.Gates : GruResetAfterCell.Gates;

    /// <summary>How many numbers a cell leaves for the way back, for each number of the state.</summary>
    /// <param name="cell">The cell.</param>
    public static int TraceParts(RecurrentCell cell) => cell == RecurrentCell.Lstm ? LstmCell.Parts : GruResetAfterCell.Parts;

    /// <summary>Runs a recurrence over every sequence of a batch.</summary>
    /// <param name="inputGates">The input's share of the gates, biases included, <c>[batch, length, gates hiddenSize]</c>.</param>
    /// <param name="recurrentWeight"><c>[gates hiddenSize, hiddenSize]</c>, gate after gate.</param>
    /// <param name="recurrentBias"><c>[gates hiddenSize]</c>; <c>default</c> for none.</param>
    /// <param name="initialState"><c>[batch, hiddenSize]</c>; <c>default</c> for zeros.</param>
    /// <param name="initialCell">The memory cells of <see cref="RecurrentCell.Lstm"/>, <c>[batch, hiddenSize]</c>; <c>default</c> for zeros.</param>
    /// <param name="lengths">The length of each sequence; empty if all fill the tensors.</param>
    /// <param name="output">Overwritten with the states, <c>[batch, length, hiddenSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="finalState">Overwritten with the state after each sequence, <c>[batch, hiddenSize]</c>; <c>default</c> if not wanted.</param>
    /// <param name="finalCell">The same of the memory cells of <see cref="RecurrentCell.Lstm"/>; <c>default</c> if not wanted.</param>
    /// <param name="trace">
    /// Receives what <c>Backward</c> needs beside the output, <c>[batch, length, parts hiddenSize]</c> with
    /// <see cref="TraceParts"/> for parts; <c>default</c> if not wanted. Its padding is left alone.
    /// </param>
    /// <param name="options">Which cell, which direction, threads.</param>
    /// <exception cref="ArgumentException">A shape, stride or option is not as said, or a result overlaps an input or another result; nothing was written.</exception>
    public static void Forward(
        in ReadOnlyTensorSpan<float> inputGates, in ReadOnlyTensorSpan<float> recurrentWeight, in ReadOnlyTensorSpan<float> recurrentBias,
        in ReadOnlyTensorSpan<float> initialState, in ReadOnlyTensorSpan<float> initialCell, ReadOnlySpan<int> lengths,
        in TensorSpan<float> output, in TensorSpan<float> finalState, in TensorSpan<float> finalCell, in TensorSpan<float> trace,
        in RecurrenceOptions options)
    {
        RecurrentProblem problem = RecurrenceCheck.Problem(
            options, recurrentWeight, inputGates, nameof(inputGates), Gates(options.Cell), GatesShape);
        RecurrenceCheck.Lengths(problem, lengths);
        RecurrenceCheck.Bias(problem, recurrentBias, options, nameof(recurrentBias));
        problem.InputGates = new Operand { BatchStride = inputGates.Strides[0], RowStride = inputGates.Strides[1] };
        problem.InitialState = RecurrenceCheck.State(problem, initialState, nameof(initialState));
        problem.InitialCell = RecurrenceCheck.Cell(problem, initialCell, options, nameof(initialCell));
        problem.Output = output.Rank == 0 ? default : RecurrenceCheck.Positions(problem, output, 1, nameof(output), OutputShape);
        problem.FinalState = RecurrenceCheck.State(problem, finalState, nameof(finalState));
        problem.FinalCell = RecurrenceCheck.Cell(problem, finalCell, options, nameof(finalCell));
        problem.Trace = trace.Rank == 0
            ? default
            : RecurrenceCheck.Positions(problem, trace, TraceParts(options.Cell), nameof(trace), TraceShape);
        OverlapCheck overlap = default;
        overlap.Add(inputGates, nameof(inputGates));
        overlap.Add(recurrentWeight, nameof(recurrentWeight));
        overlap.Add(recurrentBias, nameof(recurrentBias));
        overlap.Add(initialState, nameof(initialState));
        overlap.Add(initialCell, nameof(initialCell));
        Result(ref overlap, output, nameof(output));
        Result(ref overlap, finalState, nameof(finalState));
        Result(ref overlap, finalCell, nameof(finalCell));
        Result(ref overlap, trace, nameof(trace));
        if (problem.Batch == 0)
        {
            return;
        }

        fixed (float* gatesAddress = inputGates, weightAddress = recurrentWeight, biasAddress = recurrentBias)
        fixed (float* initialStateAddress = initialState, initialCellAddress = initialCell, outputAddress = output)
        fixed (float* finalStateAddress = finalState, finalCellAddress = finalCell, traceAddress = trace)
        fixed (int* lengthsAddress = lengths)
        {
            problem.Lengths = lengthsAddress;
            problem.InputGates.Address = gatesAddress;
            problem.Weight.Address = weightAddress;
            problem.Bias = biasAddress;
            problem.InitialState.Address = initialStateAddress;
            problem.InitialCell.Address = initialCellAddress;
            problem.Output.Address = outputAddress;
            problem.FinalState.Address = finalStateAddress;
            problem.FinalCell.Address = finalCellAddress;
            problem.Trace.Address = traceAddress;
            switch (options.Cell)
            {
                case RecurrentCell.GruResetAfter:
                    RecurrentPass.Forward<GruResetAfterCell>(problem, options.MaxDegreeOfParallelism, options.Width);
                    break;
                case RecurrentCell.GruResetBefore:
                    RecurrentPass.Forward<GruResetBeforeCell>(problem, options.MaxDegreeOfParallelism, options.Width);
                    break;
                default:
                    RecurrentPass.Forward<LstmCell>(problem, options.MaxDegreeOfParallelism, options.Width);
                    break;
            }
        }
    }

    private static void Result(ref OverlapCheck overlap, in ReadOnlyTensorSpan<float> result, string name)
    {
        RecurrenceCheck.Written(result, name);
        overlap.Check(result, name);
    }
}
