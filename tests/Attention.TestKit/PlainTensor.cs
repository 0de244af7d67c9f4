namespace Attention.TestKit;

/// <summary>
/// A row-major tensor and the computations of backends on it as plain loops: in double the reference, or rounded to float after
/// every operation, which makes it the yardstick of accuracy.
/// </summary>
/// <remarks>Sums, products, quotients and roots of floats in double that are rounded once are those of float arithmetic.</remarks>
public sealed partial class PlainTensor
{
    private readonly bool _isFloat;

    /// <summary>A tensor of these numbers, computing in double.</summary>
    public PlainTensor(ReadOnlySpan<float> values, params nint[] lengths)
        : this(Widen(values), isFloat: false, lengths)
    {
    }

    private PlainTensor(double[] values, bool isFloat, nint[] lengths)
    {
        Values = values;
        Lengths = lengths;
        _isFloat = isFloat;
    }

    /// <summary>Row-major.</summary>
    public double[] Values { get; }

    public nint[] Lengths { get; }

    /// <summary>The numbers as floats.</summary>
    public float[] Floats => Array.ConvertAll(Values, static x => (float)x);

    /// <summary>The number of elements of a shape.</summary>
    public static int Count(ReadOnlySpan<nint> lengths)
    {
        int count = 1;
        foreach (nint length in lengths)
        {
            count *= (int)length;
        }

        return count;
    }

    /// <summary>A tensor of the same precision over other numbers.</summary>
    public PlainTensor With(double[] values, params nint[] lengths) => new(values, _isFloat, lengths);

    /// <summary>The same numbers, computing in float.</summary>
    public PlainTensor ToFloat() => new(Array.ConvertAll(Values, static x => (double)(float)x), isFloat: true, Lengths);

    /// <summary>A function of every number.</summary>
    public PlainTensor Map(Func<double, double> function) =>
        With(Array.ConvertAll(Values, x => Round(function(x))), Lengths);

    /// <summary>A function of two numbers, axes of length 1 or missing in front repeated.</summary>
    public PlainTensor Zip(PlainTensor other, Func<double, double, double> function)
    {
        nint[] lengths = Meet(Lengths, other.Lengths);
        double[] values = new double[Count(lengths)];
        for (int i = 0; i < values.Length; i++)
        {
            double left = Values[OperatorLoops.Broadcast(i, lengths, Lengths)];
            values[i] = Round(function(left, other.Values[OperatorLoops.Broadcast(i, lengths, other.Lengths)]));
        }

        return With(values, lengths);
    }

    public PlainTensor Add(PlainTensor other) => Zip(other, static (x, y) => x + y);

    public PlainTensor Multiply(PlainTensor other) => Zip(other, static (x, y) => x * y);

    public PlainTensor Scale(double factor) => Map(x => x * factor);

    /// <summary>The numbers repeated to a larger shape.</summary>
    public PlainTensor BroadcastTo(params nint[] lengths) => With(new double[Count(lengths)], lengths).Add(this);

    /// <summary>The sum over the axes where <paramref name="lengths"/> has 1 or which it lacks in front.</summary>
    public PlainTensor SumTo(params nint[] lengths)
    {
        double[] sums = new double[Count(lengths)];
        for (int i = 0; i < Values.Length; i++)
        {
            int place = OperatorLoops.Broadcast(i, Lengths, lengths);
            sums[place] = Round(sums[place] + Values[i]);
        }

        return With(sums, lengths);
    }

    /// <summary>The product of every pair of matrices; leading axes are repeated like those of sums.</summary>
    public PlainTensor MatrixMultiply(PlainTensor right)
    {
        (int rows, int depth, int columns) = ((int)Lengths[^2], (int)Lengths[^1], (int)right.Lengths[^1]);
        (nint[] own, nint[] others) = (Lengths[..^2], right.Lengths[..^2]);
        nint[] batch = Meet(own, others);
        double[] values = new double[Count(batch) * rows * columns];
        for (int i = 0; i < values.Length; i++)
        {
            int matrix = i / (rows * columns);
            int left = (OperatorLoops.Broadcast(matrix, batch, own) * rows + i / columns % rows) * depth;
            int other = OperatorLoops.Broadcast(matrix, batch, others) * depth * columns + i % columns;
            for (int k = 0; k < depth; k++)
            {
                values[i] = Round(values[i] + Round(Values[left + k] * right.Values[other + k * columns]));
            }
        }

        return With(values, [.. batch, rows, columns]);
    }

    private static double[] Widen(ReadOnlySpan<float> values)
    {
        double[] widened = new double[values.Length];
        for (int i = 0; i < widened.Length; i++)
        {
            widened[i] = values[i];
        }

        return widened;
    }

    private static nint[] Meet(nint[] left, nint[] right)
    {
        nint[] lengths = new nint[Math.Max(left.Length, right.Length)];
        for (int axis = 1; axis <= lengths.Length; axis++)
        {
            nint first = axis <= left.Length ? left[^axis] : 1;
            nint second = axis <= right.Length ? right[^axis] : 1;
            lengths[^axis] = first == 1 ? second : first;
        }

        return lengths;
    }

    internal double Round(double x) => _isFloat ? (float)x : x;
}
