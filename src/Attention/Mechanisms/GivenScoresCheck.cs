using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks of mechanisms that take scores as they are.</summary>
[StackTraceHidden]
internal static class GivenScoresCheck
{
    internal const string ScoresShape = "[batch, heads, queryLength, keyLength]";
    private const string RowsShape = "[batch, heads, queryLength]";

    /// <summary>Sizes and strides of scores; the address is left to the caller, who pins them.</summary>
    internal static GivenScores Scores(in ReadOnlyTensorSpan<float> scores, string parameter, in AttentionOptions options)
    {
        Guard.Options(options, nameof(options));
        if (options.Scale is not null || options.Dropout != 0)
        {
            Throw.Argument(nameof(options), "'options' has a scale or a dropout; scores that are given take neither.");
        }

        Guard.Layout(scores, 4, parameter, ScoresShape);
        return new GivenScores
        {
            Batch = (int)scores.Lengths[0],
            Heads = (int)scores.Lengths[1],
            QueryLength = (int)scores.Lengths[2],
            KeyLength = (int)scores.Lengths[3],
            Scores = AttentionCheck.Describe(scores),
        };
    }

    /// <summary>Whether the mask was built for these sizes.</summary>
    internal static void Mask<TMask>(in GivenScores given, in TMask mask)
        where TMask : struct, IAttentionMask =>
        TMask.CheckCall(in mask, given.Batch, given.Heads, given.QueryLength, given.KeyLength);

    /// <summary>A tensor of the scores' shape.</summary>
    internal static Operand Like(in GivenScores given, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        Guard.Shape(tensor, [given.Batch, given.Heads, given.QueryLength, given.KeyLength], parameter, ScoresShape);
        return AttentionCheck.Describe(tensor);
    }

    /// <summary>One number a row, or nothing.</summary>
    internal static Operand OneARow(in GivenScores given, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        if (tensor.Rank == 0)
        {
            return default;
        }

        ReadOnlySpan<nint> expected = [given.Batch, given.Heads, given.QueryLength];
        if (!tensor.Lengths.SequenceEqual(expected))
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected {Guard.Text(expected)} ({RowsShape}).");
        }

        return new Operand { BatchStride = tensor.Strides[0], HeadStride = tensor.Strides[1], RowStride = tensor.Strides[2] };
    }

    /// <summary>A choice for each row.</summary>
    internal static void ChoiceCount(int count, nint rows, string parameter)
    {
        if (count != rows)
        {
            Throw.Argument(parameter, $"'{parameter}' has {count} elements; expected {rows}, one for each batch, head and query.");
        }
    }

    /// <summary>Choices that name keys.</summary>
    internal static void Choices(ReadOnlySpan<int> choices, nint rows, int keyLength, string parameter)
    {
        ChoiceCount(choices.Length, rows, parameter);
        AttentionCheck.Chosen(choices, keyLength, parameter);
    }
}
