using System.Buffers;
using System.Numerics.Tensors;

namespace Attention.Positions;

/// <summary>
/// The cosines and sines of rotary positions (Su et al. 2021, "RoFormer: Enhanced Transformer with Rotary Position Embedding",
/// equation 15): pair i of position p turns by the angle <c>p * base^(-2i/rotarySize)</c>.
/// </summary>
/// <remarks>
/// Angles, cosines and sines are computed in double and rounded to float once. A table may be shared by threads and by calls;
/// one without a fixed number of positions grows, at least to the double, when a call needs more of them. Where positions
/// come from strangers, fix their number: a far one would take memory for all before it.
/// </remarks>
public sealed class RotaryTable
{
    /// <summary>A table that grows begins with so many positions.</summary>
    private const int FirstPositions = 64;

    private readonly Lock _lock = new();
    private readonly double[] _frequencies;
    private readonly bool _isFixed;

    /// <summary>A row for each position, its cosines followed by its sines. What grows is a new array: readers keep theirs.</summary>
    private volatile float[] _rows;

    /// <summary>A table of the given frequencies.</summary>
    /// <param name="rotarySize">How many channels of a head are rotated, the first ones; even and positive.</param>
    /// <param name="options">Base, scaling, number of positions.</param>
    /// <exception cref="ArgumentException">
    /// <paramref name="rotarySize"/> is odd or not positive, or <paramref name="options"/> has a base not above 1 or no room
    /// for its positions in one array.
    /// </exception>
    public RotaryTable(int rotarySize, in RotaryOptions options = default)
    {
        if (rotarySize <= 0 || rotarySize % 2 != 0)
        {
            Throw.OutOfRange(nameof(rotarySize), rotarySize, $"'{nameof(rotarySize)}' is {rotarySize}; expected an even number of at least 2.");
        }

        double frequencyBase = options.Base ?? 10000;
        if (!(frequencyBase > 1) || !double.IsFinite(frequencyBase))
        {
            Throw.OutOfRange(nameof(options), frequencyBase, $"'{nameof(options.Base)}' is {frequencyBase}; expected a finite number above 1.");
        }

        if (options.Positions is { } positions && (positions < 0 || positions > Most(rotarySize)))
        {
            Throw.OutOfRange(
                nameof(options),
                positions,
                $"'{nameof(options.Positions)}' is {positions}; expected 0 to {Most(rotarySize)} for a rotary size of {rotarySize}.");
        }

        RotarySize = rotarySize;
        AttentionFactor = options.Scaling?.AttentionFactor ?? 1;
        _frequencies = new double[rotarySize / 2];
        for (int i = 0; i < _frequencies.Length; i++)
        {
            _frequencies[i] = Math.Pow(frequencyBase, -2.0 * i / rotarySize);
        }

        options.Scaling?.Apply(_frequencies, frequencyBase);
        _isFixed = options.Positions is not null;
        _rows = Grow([], options.Positions ?? 0);
    }

    /// <summary>A table of given numbers, of a fixed number of positions.</summary>
    /// <param name="cosines">The cosines, <c>[positions, rotarySize / 2]</c>; copied.</param>
    /// <param name="sines">The sines, of the same shape; copied.</param>
    /// <exception cref="ArgumentException">A shape or stride is not as said, there are no pairs, or too many numbers for one array.</exception>
    public RotaryTable(in ReadOnlyTensorSpan<float> cosines, in ReadOnlyTensorSpan<float> sines)
    {
        const string Shape = "[positions, rotarySize / 2]";
        Guard.Layout(cosines, 2, nameof(cosines), Shape);
        if (cosines.Lengths[1] == 0 || cosines.Lengths[1] > int.MaxValue / 2 || cosines.Lengths[0] > Most(2 * (int)cosines.Lengths[1]))
        {
            Throw.Argument(
                nameof(cosines),
                $"'{nameof(cosines)}' has shape {Guard.Text(cosines.Lengths)}; expected {Shape} with at least one pair and at most {Array.MaxLength / 2} elements.");
        }

        Guard.Shape(sines, cosines.Lengths, nameof(sines), "the shape of the cosines");
        int pairs = (int)cosines.Lengths[1];
        RotarySize = 2 * pairs;
        AttentionFactor = 1;
        _frequencies = [];
        _isFixed = true;
        _rows = new float[(int)cosines.Lengths[0] * RotarySize];
        TensorSpan<float> rows = new(_rows, [cosines.Lengths[0], RotarySize]);
        if (_rows.Length > 0)
        {
            cosines.CopyTo(rows.Slice([NRange.All, new NRange(0, pairs)]));
            sines.CopyTo(rows.Slice([NRange.All, new NRange(pairs, RotarySize)]));
        }
    }

    /// <summary>How many channels of a head are rotated: the first ones.</summary>
    public int RotarySize { get; }

    /// <summary>How many positions there are now.</summary>
    public int Positions => _rows.Length / RotarySize;

    /// <summary>
    /// What the scaling multiplied cosines and sines by: 1, but for <see cref="YarnScaling"/>. It is in the table already; a
    /// table of given numbers says 1.
    /// </summary>
    public double AttentionFactor { get; }

    /// <summary>Makes room for positions before a call needs them, so that the call need not.</summary>
    /// <param name="positions">How many positions there shall be at least.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// <paramref name="positions"/> is negative, or more than a table of a fixed number of positions has, or one array holds.
    /// </exception>
    public void Reserve(int positions)
    {
        if (positions < 0)
        {
            Throw.OutOfRange(nameof(positions), positions, $"'{nameof(positions)}' is {positions}; expected 0 or more.");
        }

        Rows(positions, nameof(positions));
    }

    /// <summary>The cosines of a position, one for each pair.</summary>
    /// <param name="position">The position, from 0.</param>
    /// <returns>The cosines.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="position"/> is negative, or the table has no room for it.</exception>
    public ReadOnlySpan<float> Cosines(int position) => Row(position)[..(RotarySize / 2)];

    /// <summary>The sines of a position, one for each pair.</summary>
    /// <param name="position">The position, from 0.</param>
    /// <returns>The sines.</returns>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="position"/> is negative, or the table has no room for it.</exception>
    public ReadOnlySpan<float> Sines(int position) => Row(position)[(RotarySize / 2)..];

    /// <summary>An array with at least so many rows, <see cref="RotarySize"/> numbers each; or throws, naming the parameter.</summary>
    internal float[] Rows(long positions, string parameter)
    {
        float[] rows = _rows;
        if (positions <= rows.Length / RotarySize)
        {
            return rows;
        }

        long most = _isFixed ? Positions : Most(RotarySize);
        if (positions > most)
        {
            Throw.OutOfRange(
                parameter, positions - 1, $"'{parameter}' needs position {positions - 1}; the table has room for {most} positions, from 0.");
        }

        lock (_lock)
        {
            rows = _rows;
            if (positions > rows.Length / RotarySize)
            {
                long twice = Math.Max(FirstPositions, 2L * (rows.Length / RotarySize));
                rows = Grow(rows, (int)Math.Max(positions, Math.Min(twice, most)));
                _rows = rows;
            }

            return rows;
        }
    }

    private static int Most(int rotarySize) => Array.MaxLength / rotarySize;

    private ReadOnlySpan<float> Row(int position)
    {
        if (position < 0)
        {
            Throw.OutOfRange(nameof(position), position, $"'{nameof(position)}' is {position}; expected 0 or more.");
        }

        return Rows(position + 1L, nameof(position)).AsSpan(position * RotarySize, RotarySize);
    }

    private float[] Grow(float[] given, int positions)
    {
        float[] rows = new float[positions * RotarySize];
        given.CopyTo(rows, 0);
        int pairs = _frequencies.Length;
        for (int position = given.Length / RotarySize; position < positions; position++)
        {
            Span<float> row = rows.AsSpan(position * RotarySize, RotarySize);
            for (int pair = 0; pair < pairs; pair++)
            {
                (double sine, double cosine) = Math.SinCos(position * _frequencies[pair]);
                row[pair] = (float)(AttentionFactor * cosine);
                row[pairs + pair] = (float)(AttentionFactor * sine);
            }
        }

        return rows;
    }
}
