using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of location-aware attention and describes them to the kernels.</summary>
[StackTraceHidden]
internal static class LocationCheck
{
    private const string QueryShape = "[batch, queryLength, hiddenSize]";
    private const string KeyShape = "[batch, keyLength, hiddenSize]";
    private const string ValueShape = "[batch, keyLength, valueSize]";
    private const string ContextShape = "[batch, queryLength, valueSize]";
    private const string AlignmentShape = "[batch, queryLength, keyLength]";
    private const string InitialShape = "[batch, keyLength]";

    /// <summary>Everything that is read by both passes; addresses are left to the caller, who pins them.</summary>
    internal static LocationProblem Inputs<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in LocationWeights weights,
        in ReadOnlyTensorSpan<float> initialAlignment, in TMask mask, in LocationAwareOptions options)
        where TMask : struct, IAttentionMask
    {
        Options(options, nameof(options));
        Guard.Layout(query, 3, nameof(query), QueryShape);
        Guard.Layout(key, 3, nameof(key), KeyShape);
        Guard.Layout(value, 3, nameof(value), ValueShape);
        if (query.Lengths[2] == 0)
        {
            Throw.Argument(nameof(query), $"'{nameof(query)}' has shape {Guard.Text(query.Lengths)}; the hidden size must not be 0.");
        }

        Guard.Shape(key, [query.Lengths[0], key.Lengths[1], query.Lengths[2]], nameof(key), KeyShape);
        Guard.Shape(value, [query.Lengths[0], key.Lengths[1], value.Lengths[2]], nameof(value), ValueShape);
        LocationProblem problem = new()
        {
            Batch = (int)query.Lengths[0],
            QueryLength = (int)query.Lengths[1],
            KeyLength = (int)key.Lengths[1],
            HiddenSize = (int)query.Lengths[2],
            ValueSize = (int)value.Lengths[2],
            Query = Describe(query),
            Key = Describe(key),
            Value = Describe(value),
            Sharpness = options.Sharpness ?? 1f,
            IsSigmoid = options.Normalizer == LocationNormalizer.Sigmoid,
            IsAccumulated = options.Source == LocationSource.AccumulatedAlignments,
            IsFlipped = options.FlipKernel,
            HasWindow = options.Window.Center != LocationWindowCenter.None,
            IsMedian = options.Window.Center == LocationWindowCenter.Median,
            Before = options.Window.Before,
            After = options.Window.After,
        };
        Weights(ref problem, weights, nameof(weights));
        problem.Initial = Initial(problem, initialAlignment, nameof(initialAlignment));
        if (problem.HasWindow && initialAlignment.Rank == 0)
        {
            Throw.Argument(
                nameof(initialAlignment), $"'{nameof(initialAlignment)}' is absent; the window of the first step lies around it.");
        }

        TMask.CheckCall(in mask, problem.Batch, 1, problem.QueryLength, problem.KeyLength);
        return problem;
    }

    /// <summary>A tensor of the contexts' shape.</summary>
    internal static Operand Context(in LocationProblem problem, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        Guard.Shape(tensor, [problem.Batch, problem.QueryLength, problem.ValueSize], parameter, ContextShape);
        return Describe(tensor);
    }

    /// <summary>A tensor of the alignments' shape.</summary>
    internal static Operand Alignments(in LocationProblem problem, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        Guard.Shape(tensor, [problem.Batch, problem.QueryLength, problem.KeyLength], parameter, AlignmentShape);
        return Describe(tensor);
    }

    /// <summary>A tensor of the initial alignment's shape, or nothing.</summary>
    internal static Operand Initial(in LocationProblem problem, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        if (tensor.Rank == 0)
        {
            return default;
        }

        Guard.Shape(tensor, [problem.Batch, problem.KeyLength], parameter, InitialShape);
        return new Operand { BatchStride = tensor.Strides[0] };
    }

    /// <summary>A gradient of its tensor's shape, or nothing.</summary>
    internal static Operand Gradient(in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning)
    {
        if (gradient.Rank == 0)
        {
            return default;
        }

        Guard.Shape(gradient, tensor.Lengths, parameter, meaning);
        return Describe(gradient);
    }

    /// <summary>The gradients of the weights, each of which needs its weight.</summary>
    internal static void WeightGradients(
        ref LocationGradientProblem problem, in LocationWeights weights, in LocationWeightGradients gradients, string parameter)
    {
        WeightGradient(weights.ScoreVector, gradients.ScoreVector, parameter, "the shape of the score vector");
        WeightGradient(weights.Filters, gradients.Filters, parameter, "the shape of the filters");
        WeightGradient(weights.Projection, gradients.Projection, parameter, "the shape of the projection");
        WeightGradient(weights.ScoreBias, gradients.ScoreBias, parameter, "the shape of the score bias");
        problem.FilterGradientStride = gradients.Filters.Rank == 0 ? 0 : gradients.Filters.Strides[0];
        problem.ProjectionGradientStride = gradients.Projection.Rank == 0 ? 0 : gradients.Projection.Strides[0];
    }

    private static void WeightGradient(
        in ReadOnlyTensorSpan<float> weight, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning)
    {
        if (gradient.Rank != 0)
        {
            Guard.Shape(gradient, weight.Lengths, parameter, meaning);
        }
    }

    private static void Weights(ref LocationProblem problem, in LocationWeights weights, string parameter)
    {
        Guard.Shape(weights.ScoreVector, [problem.HiddenSize], parameter, "[hiddenSize], the score vector");
        problem.Features = 1;
        problem.Width = 1;
        if (weights.Filters.Rank != 0)
        {
            Guard.Layout(weights.Filters, 2, parameter, "[filters, width], the filters");
            if (weights.Filters.FlattenedLength == 0)
            {
                Throw.Argument(
                    parameter, $"'{parameter}' has filters of shape {Guard.Text(weights.Filters.Lengths)}; expected [filters, width] without a 0, or none.");
            }

            problem.Features = (int)weights.Filters.Lengths[0];
            problem.Width = (int)weights.Filters.Lengths[1];
            problem.FilterStride = weights.Filters.Strides[0];
        }

        Guard.Shape(weights.Projection, [problem.HiddenSize, problem.Features], parameter, "[hiddenSize, filters], the projection; one column without filters");
        problem.ProjectionStride = weights.Projection.Strides[0];
        if (weights.ScoreBias.Rank != 0)
        {
            Guard.Shape(weights.ScoreBias, [1], parameter, "[1], the score bias");
        }
    }

    private static void Options(in LocationAwareOptions options, string parameter)
    {
        Defined(options.Source is LocationSource.PreviousAlignment or LocationSource.AccumulatedAlignments, options.Source, parameter);
        Defined(options.Normalizer is LocationNormalizer.Softmax or LocationNormalizer.Sigmoid, options.Normalizer, parameter);
        LocationWindow window = options.Window;
        Defined(
            window.Center is LocationWindowCenter.None or LocationWindowCenter.Median or LocationWindowCenter.Mean, window.Center, parameter);
        if (options.Sharpness is { } sharpness && !(sharpness > 0 && float.IsFinite(sharpness)))
        {
            Throw.OutOfRange(
                parameter, sharpness, $"'{nameof(LocationAwareOptions.Sharpness)}' is {sharpness}; expected a positive, finite number.");
        }

        if (!(window.Before >= 0) || !(window.After >= 0))
        {
            Throw.OutOfRange(
                parameter, window, $"'{nameof(LocationAwareOptions.Window)}' reaches {window.Before} before and {window.After} after; expected 0 or more.");
        }

        if (window.Center != LocationWindowCenter.None && options.Source != LocationSource.PreviousAlignment)
        {
            Throw.Argument(
                parameter,
                $"'{nameof(LocationAwareOptions.Window)}' lies around the previous alignment; expected {nameof(LocationSource)}.{nameof(LocationSource.PreviousAlignment)}, not {options.Source}.");
        }

        Guard.Options(
            new AttentionOptions { MaxDegreeOfParallelism = options.MaxDegreeOfParallelism, Width = options.Width }, parameter);
    }

    private static void Defined<TKind>(bool isDefined, TKind value, string parameter)
        where TKind : struct, Enum
    {
        if (!isDefined)
        {
            Throw.OutOfRange(parameter, value, $"'{parameter}' has {typeof(TKind).Name} {value}; there is no such one.");
        }
    }

    private static Operand Describe(in ReadOnlyTensorSpan<float> tensor) =>
        new() { BatchStride = tensor.Strides[0], RowStride = tensor.Strides[1] };
}
