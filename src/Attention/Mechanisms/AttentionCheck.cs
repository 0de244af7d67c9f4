using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of scaled dot-product attention and describes them to the kernels.</summary>
[StackTraceHidden]
internal static class AttentionCheck
{
    private const string QueryShape = "[batch, heads, queryLength, headSize]";
    private const string KeyShape = "[batch, keyValueHeads, keyLength, headSize]";
    private const string ValueShape = "[batch, keyValueHeads, keyLength, valueSize]";
    private const string OutputShape = "[batch, heads, queryLength, valueSize]";
    private const string LogSumExpShape = "[batch, heads, queryLength]";

    /// <summary>Sizes and strides of query, key and value; addresses are left to the caller, who pins them.</summary>
    internal static AttentionProblem Inputs(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in AttentionOptions options)
    {
        AttentionProblem problem = QueryAndKey(query, key, options);
        Guard.Layout(value, 4, nameof(value), ValueShape);
        if (value.Lengths[0] != key.Lengths[0] || value.Lengths[1] != key.Lengths[1] || value.Lengths[2] != key.Lengths[2])
        {
            Throw.Argument(
                nameof(value),
                $"'value' has shape {Guard.Text(value.Lengths)}; expected {ValueShape} = [{key.Lengths[0]}, {key.Lengths[1]}, {key.Lengths[2]}, valueSize] as the key has.");
        }

        problem.ValueSize = (int)value.Lengths[3];
        problem.Value = Describe(value);
        return problem;
    }

    /// <summary>Sizes and strides of query and key alone.</summary>
    internal static AttentionProblem QueryAndKey(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in AttentionOptions options)
    {
        Guard.Options(options, nameof(options));
        Guard.Layout(query, 4, nameof(query), QueryShape);
        Guard.Layout(key, 4, nameof(key), KeyShape);
        if (query.Lengths[3] == 0)
        {
            Throw.Argument(nameof(query), $"'query' has shape {Guard.Text(query.Lengths)}; the head size must not be 0.");
        }

        if (key.Lengths[0] != query.Lengths[0] || key.Lengths[3] != query.Lengths[3])
        {
            Throw.Argument(
                nameof(key),
                $"'key' has shape {Guard.Text(key.Lengths)}; expected {KeyShape} with batch {query.Lengths[0]} and head size {query.Lengths[3]} as the query has.");
        }

        Heads(query.Lengths[1], key.Lengths[1], key);
        return new AttentionProblem
        {
            Batch = (int)query.Lengths[0],
            Heads = (int)query.Lengths[1],
            KeyValueHeads = Math.Max(1, (int)key.Lengths[1]),
            QueryLength = (int)query.Lengths[2],
            KeyLength = (int)key.Lengths[2],
            HeadSize = (int)query.Lengths[3],
            Scale = ScaleOf(options, (int)query.Lengths[3]),
            Dropout = options.Dropout,
            DropoutSeed = options.DropoutSeed,
            Query = Describe(query),
            Key = Describe(key),
        };
    }

    /// <summary>The options' scale or 1/sqrt(headSize).</summary>
    internal static float ScaleOf(in AttentionOptions options, int headSize) => options.Scale ?? 1 / MathF.Sqrt(headSize);

    internal static void Heads(nint heads, nint keyValueHeads, in ReadOnlyTensorSpan<float> key)
    {
        if (keyValueHeads == 0 ? heads != 0 : heads == 0 || heads % keyValueHeads != 0)
        {
            Throw.Argument(
                nameof(key), $"'key' has shape {Guard.Text(key.Lengths)}; its {keyValueHeads} heads must divide the query's {heads} heads.");
        }
    }

    /// <summary>Whether mask and modifier were built for these sizes.</summary>
    internal static void Policies<TMask, TModifier>(in AttentionProblem problem, in TMask mask, in TModifier modifier)
        where TMask : struct, IAttentionMask
        where TModifier : struct, IScoreModifier
    {
        TMask.CheckCall(in mask, problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength);
        TModifier.CheckCall(in modifier, problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength);
    }

    /// <summary>A tensor of the output's shape.</summary>
    internal static Operand Output(in AttentionProblem problem, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        Guard.Shape(tensor, [problem.Batch, problem.Heads, problem.QueryLength, problem.ValueSize], parameter, OutputShape);
        return Describe(tensor);
    }

    /// <summary>A tensor of the log-sum-exp's shape, or nothing.</summary>
    internal static Operand LogSumExp(in AttentionProblem problem, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        if (tensor.Rank == 0)
        {
            return default;
        }

        ReadOnlySpan<nint> expected = [problem.Batch, problem.Heads, problem.QueryLength];
        if (!tensor.Lengths.SequenceEqual(expected))
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected {Guard.Text(expected)} ({LogSumExpShape}).");
        }

        return new Operand { BatchStride = tensor.Strides[0], HeadStride = tensor.Strides[1], RowStride = tensor.Strides[2] };
    }

    /// <summary>A bias, aligned from the right, its broadcast axes with stride 0; sets the key stride as well.</summary>
    internal static Operand Bias(ref AttentionProblem problem, in ReadOnlyTensorSpan<float> bias, string parameter)
    {
        if (bias.Rank == 0)
        {
            return default;
        }

        ReadOnlySpan<nint> full = [problem.Batch, problem.Heads, problem.QueryLength, problem.KeyLength];
        Span<nint> strides = stackalloc nint[4];
        strides.Clear();
        bool fits = bias.Rank <= 4;
        for (int axis = 1; fits && axis <= bias.Rank; axis++)
        {
            nint length = bias.Lengths[^axis];
            fits = length == 1 || length == full[^axis];
            strides[^axis] = length == 1 ? 0 : bias.Strides[^axis];
        }

        if (!fits)
        {
            Throw.Argument(
                parameter,
                $"'{parameter}' has shape {Guard.Text(bias.Lengths)}; expected {Guard.Text(full)} ([batch, heads, queryLength, keyLength]), aligned from the right, where any axis may be 1.");
        }

        Guard.Layout(bias, bias.Rank, parameter, "a bias");
        problem.BiasKeyStride = strides[3];
        return new Operand { BatchStride = strides[0], HeadStride = strides[1], RowStride = strides[2] };
    }

    /// <summary>The length of a span of one number a head, or of nothing.</summary>
    internal static void PerHead(in AttentionProblem problem, int length, string parameter)
    {
        if (length != 0 && length != problem.Heads)
        {
            Throw.Argument(parameter, $"'{parameter}' has {length} elements; expected one for each of the {problem.Heads} heads.");
        }
    }

    /// <summary>A gradient, which has the shape of its tensor.</summary>
    internal static Operand Like(in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning)
    {
        Guard.Shape(gradient, tensor.Lengths, parameter, meaning);
        return Describe(gradient);
    }

    /// <summary>The gradients of bias and sinks, which need a bias and sinks.</summary>
    internal static void TermGradients(
        in AttentionProblem problem, ref BackwardProblem backward, in ScoreTerms terms, in ScoreTermGradients gradients)
    {
        const string Parameter = "termGradients";
        if (gradients.Bias.Rank != 0)
        {
            Guard.Shape(gradients.Bias, terms.Bias.Lengths, Parameter, "the shape of the bias");
            AttentionProblem shape = problem;
            backward.BiasGradient = Bias(ref shape, gradients.Bias, Parameter);
            backward.BiasGradientKeyStride = shape.BiasKeyStride;
        }

        SinkGradient(terms.SinkLogits.Length, gradients.SinkLogits.Length, Parameter);
    }

    /// <summary>A gradient of the sink logits, of their number or absent.</summary>
    internal static void SinkGradient(int sinks, int gradients, string parameter)
    {
        if (gradients != 0 && gradients != sinks)
        {
            Throw.Argument(parameter, $"'{parameter}' has a gradient of {gradients} sink logits; expected {sinks}, as many as there are.");
        }
    }

    /// <summary>The backward pass cannot do without.</summary>
    internal static void RequireLogSumExp(in ReadOnlyTensorSpan<float> logSumExp, string parameter)
    {
        if (logSumExp.Rank == 0)
        {
            Throw.Argument(parameter, $"'{parameter}' is absent; the backward pass needs what the forward pass gave.");
        }
    }

    /// <summary>Chosen indices of an axis.</summary>
    internal static void Chosen(ReadOnlySpan<int> indices, int length, string parameter)
    {
        for (int i = 0; i < indices.Length; i++)
        {
            if ((uint)indices[i] >= (uint)length)
            {
                Throw.OutOfRange(parameter, indices[i], $"'{parameter}' has {indices[i]} at position {i}; expected an index in [0, {length}).");
            }
        }
    }

    internal static Operand Describe(in ReadOnlyTensorSpan<float> tensor) =>
        new() { BatchStride = tensor.Strides[0], HeadStride = tensor.Strides[1], RowStride = tensor.Strides[2] };
}
