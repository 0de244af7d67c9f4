using System.Diagnostics;
using System.Numerics.Tensors;

namespace Attention;

/// <summary>The checks of the public boundary: they name the parameter, what it was and what was expected.</summary>
[StackTraceHidden]
internal static class Guard
{
    /// <summary>The number of axes, and a contiguous last axis.</summary>
    internal static void Layout(in ReadOnlyTensorSpan<float> tensor, int rank, string parameter, string expected)
    {
        if (tensor.Rank != rank)
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Text(tensor.Lengths)}; expected rank {rank}: {expected}.");
        }

        if (tensor.Lengths[rank - 1] > 1 && tensor.Strides[rank - 1] != 1)
        {
            Throw.Argument(
                parameter,
                $"'{parameter}' has stride {tensor.Strides[rank - 1]} along its last axis (shape {Text(tensor.Lengths)}); the last axis must be contiguous.");
        }

        foreach (nint length in tensor.Lengths)
        {
            if (length > int.MaxValue)
            {
                Throw.Argument(parameter, $"'{parameter}' has shape {Text(tensor.Lengths)}; an axis may have at most {int.MaxValue} elements.");
            }
        }
    }

    /// <summary>The exact shape.</summary>
    internal static void Shape(in ReadOnlyTensorSpan<float> tensor, ReadOnlySpan<nint> expected, string parameter, string meaning)
    {
        if (!tensor.Lengths.SequenceEqual(expected))
        {
            Throw.Argument(parameter, $"'{parameter}' has shape {Text(tensor.Lengths)}; expected {Text(expected)} ({meaning}).");
        }

        Layout(tensor, expected.Length, parameter, meaning);
    }

    /// <summary>Memory that is written must not be memory that is read.</summary>
    internal static void Disjoint(
        in ReadOnlyTensorSpan<float> written, string writtenName, in ReadOnlyTensorSpan<float> other, string otherName)
    {
        if (Overlap.Between(written, other))
        {
            Throw.Argument(writtenName, $"'{writtenName}' overlaps '{otherName}' in memory; it must have memory of its own.");
        }
    }

    internal static void Scale(float? scale, string parameter)
    {
        if (scale is { } value && !float.IsFinite(value))
        {
            Throw.OutOfRange(parameter, value, $"'{nameof(AttentionOptions.Scale)}' is {value}; expected a finite number.");
        }
    }

    internal static void Options(in AttentionOptions options, string parameter)
    {
        Scale(options.Scale, parameter);
        if (!(options.Dropout >= 0 && options.Dropout <= 1))
        {
            Throw.OutOfRange(
                parameter, options.Dropout, $"'{nameof(AttentionOptions.Dropout)}' is {options.Dropout}; expected a probability in [0, 1].");
        }

        if (options.MaxDegreeOfParallelism < 0)
        {
            Throw.OutOfRange(
                parameter, options.MaxDegreeOfParallelism,
                $"'{nameof(AttentionOptions.MaxDegreeOfParallelism)}' is {options.MaxDegreeOfParallelism}; expected 0 (all processors) or more.");
        }

        if (options.Width is not (Simd.SimdWidth.Automatic or Simd.SimdWidth.Scalar or Simd.SimdWidth.Vector128
            or Simd.SimdWidth.Vector256 or Simd.SimdWidth.Vector512))
        {
            Throw.OutOfRange(parameter, options.Width, $"'{nameof(AttentionOptions.Width)}' is {options.Width}; expected a defined vector width.");
        }
    }

    internal static string Text(ReadOnlySpan<nint> lengths)
    {
        string[] parts = new string[lengths.Length];
        for (int i = 0; i < parts.Length; i++)
        {
            parts[i] = lengths[i].ToString();
        }

        return $"[{string.Join(", ", parts)}]";
    }
}
