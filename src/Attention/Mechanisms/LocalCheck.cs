using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Policies;
using Attention.Tiles;

namespace Attention.Mechanisms;

/// <summary>Checks the operands of attention to windows and describes them to the kernels.</summary>
[StackTraceHidden]
internal static class LocalCheck
{
    private const string PositionShape = "[batch, queryLength]";

    /// <summary>Everything that both passes read but the key lengths, which the caller pins.</summary>
    internal static LocalProblem Problem<TMask>(
        in AttentionProblem attention, in ReadOnlyTensorSpan<float> position, in LocalWindow window, in TMask mask)
        where TMask : struct, IAttentionMask
    {
        AttentionCheck.Policies(attention, mask, default(NoModifier));
        if (window.HalfWidth < 0)
        {
            Throw.OutOfRange(
                nameof(window), window.HalfWidth, $"'{nameof(window)}' has a half width of {window.HalfWidth}; expected 0 or more.");
        }

        KeyLengths(window.KeyLengths, attention, nameof(window));
        return new LocalProblem
        {
            Attention = attention,
            Position = Position(attention, position, nameof(position)),
            HalfWidth = window.HalfWidth,
            IsGaussian = window.IsGaussian,
        };
    }

    /// <summary>One number for each query of each batch element.</summary>
    internal static Operand Position(in AttentionProblem attention, in ReadOnlyTensorSpan<float> tensor, string parameter)
    {
        ReadOnlySpan<nint> expected = [attention.Batch, attention.QueryLength];
        if (!tensor.Lengths.SequenceEqual(expected))
        {
            Throw.Argument(
                parameter, $"'{parameter}' has shape {Guard.Text(tensor.Lengths)}; expected {Guard.Text(expected)} ({PositionShape}).");
        }

        return new Operand { BatchStride = tensor.Strides[0], RowStride = tensor.Strides[1] };
    }

    /// <summary>A gradient, which has the shape of its tensor or is absent.</summary>
    internal static Operand Gradient(
        in ReadOnlyTensorSpan<float> tensor, in ReadOnlyTensorSpan<float> gradient, string parameter, string meaning) =>
        gradient.Rank == 0 ? default : AttentionCheck.Like(tensor, gradient, parameter, meaning);

    private static void KeyLengths(int[]? lengths, in AttentionProblem attention, string parameter)
    {
        if (lengths is null)
        {
            return;
        }

        if (lengths.Length != attention.Batch)
        {
            Throw.Argument(
                parameter, $"'{parameter}' has {lengths.Length} key lengths; expected one for each of the {attention.Batch} batch elements.");
        }

        for (int batch = 0; batch < lengths.Length; batch++)
        {
            if ((uint)lengths[batch] > (uint)attention.KeyLength)
            {
                Throw.OutOfRange(
                    parameter, lengths[batch],
                    $"'{parameter}' has {lengths[batch]} among its key lengths (batch element {batch}); expected a number in [0, {attention.KeyLength}].");
            }
        }
    }
}
