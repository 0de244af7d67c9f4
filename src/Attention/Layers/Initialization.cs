using System.Numerics.Tensors;
using Attention.Numerics;

namespace Attention.Layers;

/// <summary>Fills weights with the numbers that training begins with.</summary>
/// <remarks>
/// <para>
/// The same seed gives the same bits for a destination of the same length, as a span or as a tensor of any strides: elements
/// are counted row-major. <see cref="PhiloxRandom"/> has no state, so each tensor needs a seed of its own; two tensors filled
/// from one seed hold the same numbers.
/// </para>
/// <para>
/// A fan is the number of products that an output sums up (in) or that an input goes into (out): the sizes of the input
/// and of the output for a matrix, those of one head for weights that belong to a head alone.
/// </para>
/// </remarks>
public static unsafe partial class Initialization
{
    /// <summary>Fills with zeros.</summary>
    /// <param name="destination">Receives the numbers.</param>
    public static void Zeros(Span<float> destination) => destination.Clear();

    /// <summary>Fills with zeros.</summary>
    /// <param name="destination">Receives the numbers; any shape and strides, last axis contiguous.</param>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void Zeros(in TensorSpan<float> destination) => Constant(destination, 0f);

    /// <summary>Fills with one number.</summary>
    /// <param name="destination">Receives the numbers.</param>
    /// <param name="value">The number.</param>
    public static void Constant(Span<float> destination, float value) => destination.Fill(value);

    /// <summary>Fills with one number.</summary>
    /// <param name="destination">Receives the numbers; any shape and strides, last axis contiguous.</param>
    /// <param name="value">The number.</param>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void Constant(in TensorSpan<float> destination, float value) =>
        FillRows(destination, new ConstantFill(value));

    /// <summary>Fills with numbers evenly spread over [low, high).</summary>
    /// <param name="destination">Receives the numbers.</param>
    /// <param name="random">The seed.</param>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound; rounding may reach it where the range is wide.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A bound is not finite, <paramref name="high"/> lies below <paramref name="low"/>, or their distance overflows.
    /// </exception>
    public static void Uniform(Span<float> destination, PhiloxRandom random, float low, float high) =>
        UniformFill.Create(random, low, high).Fill(destination, 0);

    /// <summary>Fills with numbers evenly spread over [low, high).</summary>
    /// <param name="destination">Receives the numbers; any shape and strides, last axis contiguous.</param>
    /// <param name="random">The seed.</param>
    /// <param name="low">The lower bound.</param>
    /// <param name="high">The upper bound; rounding may reach it where the range is wide.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// A bound is not finite, <paramref name="high"/> lies below <paramref name="low"/>, or their distance overflows.
    /// </exception>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void Uniform(in TensorSpan<float> destination, PhiloxRandom random, float low, float high) =>
        FillRows(destination, UniformFill.Create(random, low, high));

    /// <summary>Fills with normally distributed numbers.</summary>
    /// <param name="destination">Receives the numbers.</param>
    /// <param name="random">The seed.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="deviation">The standard deviation.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="mean"/> is not finite, or <paramref name="deviation"/> not finite or negative.
    /// </exception>
    public static void Normal(Span<float> destination, PhiloxRandom random, float mean = 0f, float deviation = 1f) =>
        NormalFill.Create(random, mean, deviation).Fill(destination, 0);

    /// <summary>Fills with normally distributed numbers.</summary>
    /// <param name="destination">Receives the numbers; any shape and strides, last axis contiguous.</param>
    /// <param name="random">The seed.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="deviation">The standard deviation.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="mean"/> is not finite, or <paramref name="deviation"/> not finite or negative.
    /// </exception>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void Normal(in TensorSpan<float> destination, PhiloxRandom random, float mean = 0f, float deviation = 1f) =>
        FillRows(destination, NormalFill.Create(random, mean, deviation));

    /// <summary>
    /// Fills with normally distributed numbers of which those further from the mean than <paramref name="limit"/> deviations
    /// are drawn again.
    /// </summary>
    /// <param name="destination">Receives the numbers.</param>
    /// <param name="random">The seed.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="deviation">The standard deviation before the tails are cut; at 2 deviations, 0.88 of it remains.</param>
    /// <param name="limit">Where the tails are cut, in deviations; at least 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="mean"/> is not finite, <paramref name="deviation"/> not finite or negative, or <paramref name="limit"/>
    /// below 0.1.
    /// </exception>
    public static void TruncatedNormal(
        Span<float> destination, PhiloxRandom random, float mean = 0f, float deviation = 1f, float limit = 2f) =>
        TruncatedNormalFill.Create(random, mean, deviation, limit).Fill(destination, 0);

    /// <summary>
    /// Fills with normally distributed numbers of which those further from the mean than <paramref name="limit"/> deviations
    /// are drawn again.
    /// </summary>
    /// <param name="destination">Receives the numbers; any shape and strides, last axis contiguous.</param>
    /// <param name="random">The seed.</param>
    /// <param name="mean">The mean.</param>
    /// <param name="deviation">The standard deviation before the tails are cut; at 2 deviations, 0.88 of it remains.</param>
    /// <param name="limit">Where the tails are cut, in deviations; at least 0.1.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="mean"/> is not finite, <paramref name="deviation"/> not finite or negative, or <paramref name="limit"/>
    /// below 0.1.
    /// </exception>
    /// <exception cref="ArgumentException">The last axis of <paramref name="destination"/> is not contiguous.</exception>
    public static void TruncatedNormal(
        in TensorSpan<float> destination, PhiloxRandom random, float mean = 0f, float deviation = 1f, float limit = 2f) =>
        FillRows(destination, TruncatedNormalFill.Create(random, mean, deviation, limit));

    private static void FillRows<TFill>(in TensorSpan<float> destination, TFill fill)
        where TFill : struct, IElementFill
    {
        if (destination.Rank == 0 || destination.FlattenedLength == 0)
        {
            return;
        }

        Guard.Layout(destination, destination.Rank, nameof(destination), "any shape");
        int rowLength = (int)destination.Lengths[^1];
        fixed (float* memory = destination)
        {
            for (nint row = 0; row < destination.FlattenedLength / rowLength; row++)
            {
                nint rest = row;
                nint offset = 0;
                for (int axis = destination.Rank - 2; axis >= 0; axis--)
                {
                    (rest, nint index) = Math.DivRem(rest, destination.Lengths[axis]);
                    offset += index * destination.Strides[axis];
                }

                fill.Fill(new Span<float>(memory + offset, rowLength), (ulong)row * (ulong)rowLength);
            }
        }
    }
}
