using System.Diagnostics;
using System.Numerics.Tensors;
using Attention.Gemm;

namespace Attention.Operators;

/// <summary>What the operators ask of their arguments, all of it before anything is written.</summary>
[StackTraceHidden]
internal static class OperatorCheck
{
    internal static void Threads(int maxDegreeOfParallelism)
    {
        if (maxDegreeOfParallelism < 0)
        {
            Throw.OutOfRange(
                nameof(maxDegreeOfParallelism),
                maxDegreeOfParallelism,
                $"'{nameof(maxDegreeOfParallelism)}' is {maxDegreeOfParallelism}; expected 0 (all processors) or more.");
        }
    }

    /// <summary>A tensor that must be there.</summary>
    internal static void Present(in ReadOnlyTensorSpan<float> tensor, string name)
    {
        if (tensor.Rank == 0)
        {
            Throw.Argument(name, $"'{name}' has no axes; expected a tensor of rank 1 or more.");
        }
    }

    /// <summary>A tensor that is written: no two elements may share a place.</summary>
    internal static void Written(in ReadOnlyTensorSpan<float> tensor, string name)
    {
        Present(tensor, name);
        GemmCheck.Apart(tensor.Lengths, tensor.Strides, name);
    }

    /// <summary>A tensor that is as large as another one along each axis, is 1 there or lacks it in front.</summary>
    internal static void Broadcasts(in ReadOnlyTensorSpan<float> tensor, string name, in ReadOnlyTensorSpan<float> full, string fullName)
    {
        Present(tensor, name);
        bool fits = tensor.Rank <= full.Rank;
        for (int fromEnd = 1; fits && fromEnd <= tensor.Rank; fromEnd++)
        {
            fits = tensor.Lengths[^fromEnd] == 1 || tensor.Lengths[^fromEnd] == full.Lengths[^fromEnd];
        }

        if (!fits)
        {
            Throw.Argument(
                name,
                $"'{name}' has shape {Guard.Text(tensor.Lengths)}, which does not broadcast to that of '{fullName}', {Guard.Text(full.Lengths)}.");
        }
    }

    /// <summary>A tensor of the same shape as another one.</summary>
    internal static void SameShape(in ReadOnlyTensorSpan<float> tensor, string name, in ReadOnlyTensorSpan<float> other, string otherName)
    {
        if (!tensor.Lengths.SequenceEqual(other.Lengths))
        {
            Throw.Argument(
                name,
                $"'{name}' has shape {Guard.Text(tensor.Lengths)}; expected {Guard.Text(other.Lengths)}, that of '{otherName}'.");
        }
    }

    /// <summary>Rows, whose elements lie side by side.</summary>
    internal static void Rows(in ReadOnlyTensorSpan<float> tensor, string name)
    {
        Present(tensor, name);
        Guard.Layout(tensor, tensor.Rank, name, "any, with rows along the last axis");
    }

    /// <summary>What is written may be the very tensor that is read, element for element, but not overlap it otherwise.</summary>
    internal static void SameOrDisjoint(
        in ReadOnlyTensorSpan<float> written, string writtenName, in ReadOnlyTensorSpan<float> read, string readName)
    {
        if (Overlap.Between(written, read) && !Overlap.IsSame(written, read))
        {
            Throw.Argument(
                writtenName, $"'{writtenName}' overlaps '{readName}' in memory without being the same; expected either one.");
        }
    }

    /// <summary>A span that is written must not be memory of a tensor.</summary>
    internal static void Disjoint(ReadOnlySpan<float> span, string spanName, in ReadOnlyTensorSpan<float> tensor, string tensorName)
    {
        if (!span.IsEmpty)
        {
            Guard.Disjoint(new ReadOnlyTensorSpan<float>(span), spanName, tensor, tensorName);
        }
    }

    /// <summary>A tensor that is written must not be memory of a span.</summary>
    internal static void Disjoint(in ReadOnlyTensorSpan<float> tensor, string tensorName, ReadOnlySpan<float> span, string spanName)
    {
        if (!span.IsEmpty)
        {
            Guard.Disjoint(tensor, tensorName, new ReadOnlyTensorSpan<float>(span), spanName);
        }
    }

    /// <summary>A span that is written must not be memory of another one.</summary>
    internal static void Disjoint(ReadOnlySpan<float> span, string spanName, ReadOnlySpan<float> other, string otherName)
    {
        if (span.Overlaps(other))
        {
            Throw.Argument(spanName, $"'{spanName}' overlaps '{otherName}' in memory; it must have memory of its own.");
        }
    }

    /// <summary>A span of exactly so many numbers, or, if it may be absent, of none.</summary>
    internal static void Length(int length, nint expected, bool mayBeAbsent, string name, string meaning)
    {
        if (length != expected && !(mayBeAbsent && length == 0))
        {
            string absent = mayBeAbsent ? " or none" : "";
            Throw.Argument(name, $"'{name}' has {length} elements; expected {expected}{absent} ({meaning}).");
        }
    }

    /// <summary>A number from 0 to 1, the latter only if <paramref name="oneIsAllowed"/>.</summary>
    internal static void Fraction(float value, bool oneIsAllowed, string name)
    {
        if (!(value >= 0f && (value < 1f || (oneIsAllowed && value == 1f))))
        {
            Throw.OutOfRange(name, value, $"'{name}' is {value}; expected a number in [0, 1{(oneIsAllowed ? ']' : ')')}.");
        }
    }

    /// <summary>A finite number that is not negative.</summary>
    internal static void NotNegative(float value, string name)
    {
        if (!(value >= 0f && float.IsFinite(value)))
        {
            Throw.OutOfRange(name, value, $"'{name}' is {value}; expected a finite number of at least 0.");
        }
    }

    internal static void Finite(float value, string name)
    {
        if (!float.IsFinite(value))
        {
            Throw.OutOfRange(name, value, $"'{name}' is {value}; expected a finite number.");
        }
    }
}
