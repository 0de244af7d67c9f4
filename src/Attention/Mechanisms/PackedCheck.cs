using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of packed calls, in which sequences of different lengths lie one after the other.</summary>
[StackTraceHidden]
internal static class PackedCheck
{
    private const string QueryShape = "[totalQueries, heads, headSize]";
    private const string KeyShape = "[totalKeys, keyValueHeads, headSize]";
    private const string ValueShape = "[totalKeys, keyValueHeads, valueSize]";
    private const string OutputShape = "[totalQueries, heads, valueSize]";
    private const string LogSumExpShape = "[heads, totalQueries]";

    /// <summary>Sizes and strides of query, key and value; batch counts the sequences, lengths are those of the longest.</summary>
    internal static AttentionProblem Inputs(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> value,
        ReadOnlySpan<int> cumulativeQueryLengths, ReadOnlySpan<int> cumulativeKeyLengths, in ScoreTerms terms, in AttentionOptions options)
    {
        Guard.Options(options, nameof(options));
        Guard.Layout(query, 3, nameof(query), QueryShape);
        Guard.Layout(key, 3, nameof(key), KeyShape);
        Guard.Layout(value, 3, nameof(value), ValueShape);
        if (query.Lengths[2] == 0)
        {
            Throw.Argument(nameof(query), $"'query' has shape {Guard.Text(query.Lengths)}; the head size must not be 0.");
        }

        if (key.Lengths[2] != query.Lengths[2])
        {
            Throw.Argument(
                nameof(key), $"'key' has shape {Guard.Text(key.Lengths)}; expected {KeyShape} with head size {query.Lengths[2]} as the query has.");
        }

        AttentionCheck.Heads(query.Lengths[1], key.Lengths[1], key);
        if (value.Lengths[0] != key.Lengths[0] || value.Lengths[1] != key.Lengths[1])
        {
            Throw.Argument(
                nameof(value),
                $"'value' has shape {Guard.Text(value.Lengths)}; expected {ValueShape} = [{key.Lengths[0]}, {key.Lengths[1]}, valueSize] as the key has.");
        }

        if (cumulativeKeyLengths.Length != cumulativeQueryLengths.Length)
        {
            Throw.Argument(
                nameof(cumulativeKeyLengths),
                $"'cumulativeKeyLengths' has {cumulativeKeyLengths.Length} elements; expected {cumulativeQueryLengths.Length} as 'cumulativeQueryLengths' has.");
        }

        int longestQueries = Longest(cumulativeQueryLengths, query.Lengths[0], nameof(cumulativeQueryLengths));
        int longestKeys = Longest(cumulativeKeyLengths, key.Lengths[0], nameof(cumulativeKeyLengths));
        if (terms.Bias.Rank != 0)
        {
            Throw.Argument(nameof(terms), "'terms' has a bias; packed sequences take none, since they share no axes for it. Use a modifier.");
        }

        AttentionProblem problem = new()
        {
            Batch = cumulativeQueryLengths.Length - 1,
            Heads = (int)query.Lengths[1],
            KeyValueHeads = Math.Max(1, (int)key.Lengths[1]),
            QueryLength = longestQueries,
            KeyLength = longestKeys,
            HeadSize = (int)query.Lengths[2],
            ValueSize = (int)value.Lengths[2],
            Scale = AttentionCheck.ScaleOf(options, (int)query.Lengths[2]),
            Dropout = options.Dropout,
            DropoutSeed = options.DropoutSeed,
            Query = Describe(query),
            Key = Describe(key),
            Value = Describe(value),
        };
        AttentionCheck.PerHead(problem, terms.SinkLogits.Length, nameof(terms));
        return problem;
    }

    /// <summary>A tensor of the output's shape.</summary>
    internal static Operand Output(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> value, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        Guard.Shape(tensor, [query.Lengths[0], query.Lengths[1], value.Lengths[2]], parameter, OutputShape);
        return Describe(tensor);
    }

    /// <summary>A tensor of the log-sum-exp's shape, or nothing.</summary>
    internal static Operand LogSumExp(in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        if (tensor.Rank == 0)
        {
            return default;
        }

        ReadOnlySpan<nint> expected = [query.Lengths[1], query.Lengths[0]];
        if (!tensor.Lengths.SequenceEqual(expected))
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected {Guard.Text(expected)} ({LogSumExpShape}).");
        }

        return new Operand { HeadStride = tensor.Strides[0], RowStride = tensor.Strides[1] };
    }

    /// <summary>A gradient, which has the shape of its tensor.</summary>
    internal static Operand Like(in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning)
    {
        Guard.Shape(gradient, tensor.Lengths, parameter, meaning);
        return Describe(gradient);
    }

    private static Operand Describe(in ReadOnlyTensorSpan<float> tensor) => new() { HeadStride = tensor.Strides[1], RowStride = tensor.Strides[0] };

    /// <summary>Starts at 0, never falls, ends at the axis; gives the longest sequence.</summary>
    private static int Longest(ReadOnlySpan<int> cumulative, nint total, string parameter)
    {
        if (cumulative.IsEmpty)
        {
            Throw.Argument(parameter, $"'{parameter}' is empty; expected one number more than there are sequences, the first of them 0.");
        }

        if (cumulative[0] != 0)
        {
            Throw.Argument(parameter, $"'{parameter}' starts with {cumulative[0]}; expected 0.");
        }

        int longest = 0;
        for (int i = 1; i < cumulative.Length; i++)
        {
            if (cumulative[i] < cumulative[i - 1])
            {
                Throw.Argument(
                    parameter, $"'{parameter}' falls from {cumulative[i - 1]} to {cumulative[i]} at position {i}; lengths must not be negative.");
            }

            longest = Math.Max(longest, cumulative[i] - cumulative[i - 1]);
        }

        if (cumulative[^1] != total)
        {
            Throw.Argument(parameter, $"'{parameter}' ends with {cumulative[^1]}; expected {total}, the length of the axis.");
        }

        return longest;
    }
}
