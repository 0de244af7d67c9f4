using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of additive attention and describes them to the kernels.</summary>
[StackTraceHidden]
internal static class AdditiveCheck
{
    /// <summary>Query, key, score vector, value and mask.</summary>
    internal static AdditiveProblem Inputs<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector,
        in ReadOnlyTensorSpan<float> value, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        Finish(AttentionCheck.Inputs(query, key, value, options), scoreVector, mask, options);

    /// <summary>The same without values.</summary>
    internal static AdditiveProblem QueryAndKey<TMask>(
        in ReadOnlyTensorSpan<float> query, in ReadOnlyTensorSpan<float> key, in ReadOnlyTensorSpan<float> scoreVector, in TMask mask,
        in AttentionOptions options)
        where TMask : struct, IAttentionMask =>
        Finish(AttentionCheck.QueryAndKey(query, key, options), scoreVector, mask, options);

    /// <summary>A gradient of its tensor's shape, or nothing.</summary>
    internal static Operand Gradient(in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning) =>
        gradient.Rank == 0 ? default : AttentionCheck.Like(tensor, gradient, parameter, meaning);

    /// <summary>A tensor of the score vector's shape.</summary>
    internal static void Vector(in ReadOnlyTensorSpan<float> tensor, int hiddenSize, string parameter) =>
        Guard.Shape(tensor, [hiddenSize], parameter, "[hiddenSize]");

    private static AdditiveProblem Finish<TMask>(
        in AttentionProblem attention, in ReadOnlyTensorSpan<float> scoreVector, in TMask mask, in AttentionOptions options)
        where TMask : struct, IAttentionMask
    {
        if (options.Scale is { } scale)
        {
            Throw.Argument(nameof(options), $"'{nameof(AttentionOptions.Scale)}' is {scale}; expected null: additive scores have no scale.");
        }

        Vector(scoreVector, attention.HeadSize, nameof(scoreVector));
        AttentionCheck.Policies(attention, mask, default(NoModifier));
        return new AdditiveProblem { Attention = attention };
    }
}
