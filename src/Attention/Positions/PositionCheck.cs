using System.Diagnostics;
using System.Numerics.Tensors;

namespace Attention.Positions;

/// <summary>Checks that several classes of this floor need.</summary>
[StackTraceHidden]
internal static class PositionCheck
{
    internal static void Options(in PositionOptions options, string parameter)
    {
        if (options.MaxDegreeOfParallelism < 0)
        {
            Throw.OutOfRange(
                parameter,
                options.MaxDegreeOfParallelism,
                $"'{nameof(options.MaxDegreeOfParallelism)}' is {options.MaxDegreeOfParallelism}; expected 0 (all processors) or more.");
        }

        if (!Enum.IsDefined(options.Width))
        {
            Throw.OutOfRange(parameter, options.Width, $"'{nameof(options.Width)}' is {options.Width}; expected a defined vector width.");
        }
    }

    /// <summary>A number that must be finite and not below <paramref name="least"/>.</summary>
    internal static void AtLeast(double value, double least, string parameter)
    {
        if (!(value >= least) || !double.IsFinite(value))
        {
            Throw.OutOfRange(parameter, value, $"'{parameter}' is {value}; expected a finite number of at least {least}.");
        }
    }

    /// <summary>A number that must be finite and above <paramref name="bound"/>.</summary>
    internal static void Above(double value, double bound, string parameter)
    {
        if (!(value > bound) || !double.IsFinite(value))
        {
            Throw.OutOfRange(parameter, value, $"'{parameter}' is {value}; expected a finite number above {bound}.");
        }
    }

    /// <summary>An axis of at least one element.</summary>
    internal static void Positive(int value, string parameter)
    {
        if (value <= 0)
        {
            Throw.OutOfRange(parameter, value, $"'{parameter}' is {value}; expected 1 or more.");
        }
    }

    /// <summary>A row stride of a tensor, 0 where there is but one row.</summary>
    internal static nint Stride(in ReadOnlyTensorSpan<float> tensor, int axis) => tensor.Lengths[axis] > 1 ? tensor.Strides[axis] : 0;
}
