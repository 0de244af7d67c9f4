using System.Numerics.Tensors;
using Attention.Execution;

namespace Attention.Positions;

/// <summary>
/// Sinusoidal positions: every position is a row of sines and cosines of falling frequency (Vaswani et al. 2017, "Attention is
/// all you need", section 3.5).
/// </summary>
/// <remarks>
/// Angles, sines and cosines are computed in double and rounded once, so that positions in the millions are as exact as near
/// ones. A row depends on its position alone. Nothing is learned, so there is no gradient.
/// </remarks>
public static unsafe class SinusoidalPositions
{
    private const double Base = 10000;
    private const string Shape = "[length, size]";

    /// <summary>Writes the positions <paramref name="start"/>, <paramref name="start"/> + 1, ... into the rows of a tensor.</summary>
    /// <param name="destination">Overwritten, <c>[length, size]</c>, rows of any stride.</param>
    /// <param name="start">The position of the first row; may be negative.</param>
    /// <param name="form">The arrangement of the channels.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, form or option is not as said; nothing was written.</exception>
    public static void Fill(
        in TensorSpan<float> destination, int start = 0, SinusoidalForm form = SinusoidalForm.Interleaved, in PositionOptions options = default) =>
        Run(destination, start, form, add: false, options);

    /// <summary>Adds the positions <paramref name="start"/>, <paramref name="start"/> + 1, ... to the rows of a tensor.</summary>
    /// <param name="destination">Added to, <c>[length, size]</c>, rows of any stride.</param>
    /// <param name="start">The position of the first row; may be negative.</param>
    /// <param name="form">The arrangement of the channels.</param>
    /// <param name="options">Threads.</param>
    /// <exception cref="ArgumentException">A shape, stride, form or option is not as said; nothing was written.</exception>
    public static void Add(
        in TensorSpan<float> destination, int start = 0, SinusoidalForm form = SinusoidalForm.Interleaved, in PositionOptions options = default) =>
        Run(destination, start, form, add: true, options);

    private static void Run(in TensorSpan<float> destination, int start, SinusoidalForm form, bool add, in PositionOptions options)
    {
        PositionCheck.Options(options, nameof(options));
        Guard.Layout(destination, 2, nameof(destination), Shape);
        if (form is not (SinusoidalForm.Interleaved or SinusoidalForm.Halves))
        {
            Throw.OutOfRange(nameof(form), form, $"'{nameof(form)}' is {form}; expected a defined form.");
        }

        int size = (int)destination.Lengths[1];
        nint length = destination.Lengths[0];
        if (size == 0 || length == 0)
        {
            return;
        }

        // Doubles in memory that is counted in floats.
        int frequencies = form == SinusoidalForm.Interleaved ? (size + 1) / 2 : size / 2;
        using Scratch.Rental rental = Scratch.Rent(2 * (nint)frequencies);
        double* frequency = (double*)rental.Memory;
        double steps = form == SinusoidalForm.Interleaved ? size / 2.0 : Math.Max(frequencies - 1, 1);
        for (int i = 0; i < frequencies; i++)
        {
            frequency[i] = Math.Pow(Base, -i / steps);
        }

        fixed (float* address = destination)
        {
            SinusoidalPieces pieces = new(address, PositionCheck.Stride(destination, 0), length, size, start, form, add, frequency);
            PieceRunner.Run(pieces, (double)length * size * SinusoidalPieces.FloatsPerChannel, options);
        }
    }
}
