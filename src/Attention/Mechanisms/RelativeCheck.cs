using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of attention by distances and describes them to the kernels.</summary>
[StackTraceHidden]
internal static class RelativeCheck
{
    private const string BiasShape = "[heads, headSize]";

    /// <summary>Clipped distances: the tables and where they begin.</summary>
    internal static RelativeProblem Clipped(in AttentionProblem attention, in RelativeTables tables, string parameter)
    {
        if (tables.Key.Rank == 0 && tables.Value.Rank == 0)
        {
            Throw.Argument(parameter, $"'{parameter}' has neither a table of keys nor one of values; expected at least one.");
        }

        nint rows = tables.Key.Rank != 0 ? tables.Key.Lengths[0] : tables.Value.Lengths[0];
        RelativeProblem problem = new() { Attention = attention, KeyTableHeads = 1 };
        problem.KeyTable = Table(tables.Key, rows, attention.HeadSize, parameter, "keys", "headSize");
        problem.ValueTable = Table(tables.Value, rows, attention.ValueSize, parameter, "values", "valueSize");
        problem.TableRows = (int)rows;
        problem.Shift = (rows - 1) / 2 - (long)tables.Offset;
        return problem;
    }

    private static Operand Table(in ReadOnlyTensorSpan<float> table, nint rows, int size, string parameter, string which, string sizeName)
    {
        if (table.Rank == 0)
        {
            return default;
        }

        if (table.Rank != 2 || table.Lengths[0] != rows || table.Lengths[1] != size || rows % 2 == 0)
        {
            Throw.Argument(
                parameter,
                $"'{parameter}' has a table of {which} of shape {Guard.Text(table.Lengths)}; expected [2k + 1, {size}] ([2k + 1, {sizeName}]), with one k for both tables.");
        }

        Guard.Layout(table, 2, parameter, "[2k + 1, size]");
        return new Operand { RowStride = table.Strides[0] };
    }

    /// <summary>The gradients of the tables, which need the tables.</summary>
    internal static void TableGradients(
        ref RelativeGradientProblem problem, in RelativeTables tables, in RelativeTableGradients gradients, string parameter)
    {
        problem.KeyTableGradient = TableGradient(tables.Key, gradients.Key, parameter, "the shape of the table of keys");
        problem.ValueTableGradient = TableGradient(tables.Value, gradients.Value, parameter, "the shape of the table of values");
    }

    private static Operand TableGradient(
        in ReadOnlyTensorSpan<float> table, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning)
    {
        if (gradient.Rank == 0)
        {
            return default;
        }

        Guard.Shape(gradient, table.Lengths, parameter, meaning);
        return new Operand { RowStride = gradient.Strides[0] };
    }

    /// <summary>All distances: the relative keys and the two biases.</summary>
    internal static RelativeProblem Unclipped(
        in AttentionProblem attention, in ReadOnlyTensorSpan<float> relativeKey, in ReadOnlyTensorSpan<float> contentBias,
        in ReadOnlyTensorSpan<float> positionBias)
    {
        const string Shape = "[heads or 1, queryLength + keyLength - 1, headSize]";
        long distances = Math.Max(0, (long)attention.QueryLength + attention.KeyLength - 1);
        Guard.Layout(relativeKey, 3, nameof(relativeKey), Shape);
        nint heads = relativeKey.Lengths[0];
        if ((heads != 1 && heads != attention.Heads) || relativeKey.Lengths[1] != distances || relativeKey.Lengths[2] != attention.HeadSize)
        {
            Throw.Argument(
                nameof(relativeKey),
                $"'{nameof(relativeKey)}' has shape {Guard.Text(relativeKey.Lengths)}; expected [{attention.Heads} or 1, {distances}, {attention.HeadSize}] ({Shape}).");
        }

        return new RelativeProblem
        {
            Attention = attention,
            KeyTableHeads = (int)heads,
            TableRows = (int)distances,
            Shift = attention.QueryLength - 1L,
            KeyTable = Keys(relativeKey),
            ContentBias = Bias(attention, contentBias, nameof(contentBias)),
            PositionBias = Bias(attention, positionBias, nameof(positionBias)),
        };
    }

    /// <summary>A tensor of the shape of the relative keys.</summary>
    internal static Operand Keys(in ReadOnlyTensorSpan<float> tensor) =>
        new() { HeadStride = tensor.Lengths[0] == 1 ? 0 : tensor.Strides[0], RowStride = tensor.Strides[1] };

    /// <summary>One row a head.</summary>
    internal static Operand Bias(in AttentionProblem attention, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        Guard.Shape(tensor, [attention.Heads, attention.HeadSize], parameter, BiasShape);
        return new Operand { HeadStride = tensor.Strides[0] };
    }

    /// <summary>Query, key, value and mask.</summary>
    internal static AttentionProblem Attention<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value, in TMask mask,
        in AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        AttentionProblem attention = AttentionCheck.Inputs(query, key, value, options);
        AttentionCheck.Policies(attention, mask, default(NoModifier));
        return attention;
    }

    /// <summary>The gradients that both kinds have.</summary>
    internal static RelativeGradientProblem Gradients(
        in RelativeProblem forward, in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        in ReadOnlyTensorSpan<float> outputGradient, in ReadOnlyTensorSpan<float> logSumExpGradient,
        in ReadOnlyTensorSpan<float> queryGradient, in ReadOnlyTensorSpan<float> keyGradient, in ReadOnlyTensorSpan<float> valueGradient) => new()
        {
            Forward = forward,
            OutputGradient = AttentionCheck.Output(forward.Attention, outputGradient, nameof(outputGradient)),
            LogSumExpGradient = AttentionCheck.LogSumExp(forward.Attention, logSumExpGradient, nameof(logSumExpGradient)),
            QueryGradient = AttentionCheck.Like(query, queryGradient, nameof(queryGradient), "the shape of 'query'"),
            KeyGradient = AttentionCheck.Like(key, keyGradient, nameof(keyGradient), "the shape of 'key'"),
            ValueGradient = AttentionCheck.Like(value, valueGradient, nameof(valueGradient), "the shape of 'value'"),
        };
}
