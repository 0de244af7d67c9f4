using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Operators;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of a recurrence and describes them to the kernels, without their addresses.</summary>
[StackTraceHidden]
internal static class RecurrenceCheck
{
    internal static void Options(in RecurrenceOptions options)
    {
        if (!Enum.IsDefined(options.Cell))
        {
            Throw.OutOfRange(nameof(options), options.Cell, $"'{nameof(options.Cell)}' is {options.Cell}; expected a defined cell.");
        }

        Guard.Options(
            new AttentionOptions { MaxDegreeOfParallelism = options.MaxDegreeOfParallelism, Width = options.Width }, nameof(options));
    }

    /// <summary>The weight, which says how large the state is, and what every position has of the gates or their gradients.</summary>
    internal static RecurrentProblem Problem(
        in RecurrenceOptions options, in ReadOnlyTensorSpan<float> recurrentWeight, in ReadOnlyTensorSpan<float> positions, string parameter,
        int parts, string shape)
    {
        const string WeightShape = "[gates hiddenSize, hiddenSize]";
        Options(options);
        Guard.Layout(recurrentWeight, 2, nameof(recurrentWeight), WeightShape);
        int gates = GatedRecurrence.Gates(options.Cell);
        nint size = recurrentWeight.Lengths[1];
        if (size == 0 || recurrentWeight.Lengths[0] != gates * size)
        {
            Throw.Argument(
                nameof(recurrentWeight),
                $"'{nameof(recurrentWeight)}' has shape {Guard.Text(recurrentWeight.Lengths)}; expected [{gates} hiddenSize, hiddenSize], not empty, for {options.Cell}.");
        }

        Guard.Layout(positions, 3, parameter, shape);
        if (positions.Lengths[2] != parts * size)
        {
            Throw.Argument(
                parameter,
                $"'{parameter}' has shape {Guard.Text(positions.Lengths)}; expected [batch, length, {parts * size}] ({shape}, hiddenSize {size}).");
        }

        return new RecurrentProblem
        {
            Batch = (int)positions.Lengths[0],
            Length = (int)positions.Lengths[1],
            Size = (int)size,
            IsReversed = options.IsReversed,
            Weight = new Operand { RowStride = recurrentWeight.Strides[0] },
        };
    }

    /// <summary>None, or one length for each sequence, none longer than the tensors.</summary>
    internal static void Lengths(in RecurrentProblem problem, ReadOnlySpan<int> lengths)
    {
        if (lengths.IsEmpty)
        {
            return;
        }

        OperatorCheck.Length(lengths.Length, problem.Batch, mayBeAbsent: true, nameof(lengths), "one for each sequence");
        SequencePadding.CheckLengths(lengths, problem.Length);
    }

    /// <summary>A tensor <c>[batch, length, parts hiddenSize]</c>.</summary>
    internal static Operand Positions(in RecurrentProblem problem, in ReadOnlyTensorSpan<float> tensor, int parts, string parameter, string shape)
    {
        Guard.Shape(tensor, [problem.Batch, problem.Length, parts * problem.Size], parameter, shape);
        return new Operand { BatchStride = tensor.Strides[0], RowStride = tensor.Strides[1] };
    }

    /// <summary>A tensor <c>[batch, hiddenSize]</c>, or none.</summary>
    internal static Operand State(in RecurrentProblem problem, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        if (tensor.Rank == 0)
        {
            return default;
        }

        Guard.Shape(tensor, [problem.Batch, problem.Size], parameter, "[batch, hiddenSize]");
        return new Operand { BatchStride = tensor.Strides[0] };
    }

    /// <summary>A tensor <c>[batch, hiddenSize]</c> of the memory cell, which not every kind has, or none.</summary>
    internal static Operand Cell(
        in RecurrentProblem problem, in ReadOnlyTensorSpan<float> tensor, in RecurrenceOptions options, string parameter)
    {
        if (tensor.Rank != 0 && options.Cell != RecurrentCell.Lstm)
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected none, since {options.Cell} has no memory cell.");
        }

        return State(problem, tensor, parameter);
    }

    /// <summary>A vector <c>[gates hiddenSize]</c>, or none.</summary>
    internal static void Bias(in RecurrentProblem problem, in ReadOnlyTensorSpan<float> tensor, in RecurrenceOptions options, string parameter)
    {
        if (tensor.Rank != 0)
        {
            Guard.Shape(tensor, [GatedRecurrence.Gates(options.Cell) * problem.Size], parameter, "[gates hiddenSize]");
        }
    }

    /// <summary>A result, whose elements lie apart from each other.</summary>
    internal static void Written(in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        if (tensor.Rank != 0)
        {
            OperatorCheck.Written(tensor, parameter);
        }
    }
}
