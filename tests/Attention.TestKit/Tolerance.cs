using System.Globalization;
using System.Runtime.InteropServices;

namespace Attention.TestKit;

/// <summary>
/// The only comparison of the test-suites. NaN and infinities must stand in the same places everywhere. Each rule throws
/// <see cref="ToleranceException"/> with the worst element, both values and the bound.
/// </summary>
public static class Tolerance
{
    /// <summary>The distance from 1 to the next float.</summary>
    private const double FloatPrecision = 1.0 / (1 << 23);

    /// <summary>The distance from 1 to the next float16.</summary>
    private const double HalfPrecision = 1.0 / (1 << 10);

    /// <summary>
    /// The rule of mechanisms: against double, the largest error is at most twice that of a plain float loop.
    /// </summary>
    /// <remarks>
    /// The floor is for problems so small that the plain loop may be right by luck: it is
    /// <paramref name="sensitivity"/> (what rounding each number once does to an element) times the unit roundoff times a
    /// factor that falls with the number of <paramref name="rows"/> (or elements, if fewer), from 3 for a single one to a
    /// quarter for many.
    /// </remarks>
    public static void Mechanism(
        string name,
        ReadOnlySpan<float> actual,
        ReadOnlySpan<double> reference,
        ReadOnlySpan<float> plain,
        double sensitivity,
        int rows)
    {
        RequireLength(name, actual.Length, reference.Length);
        RequireLength(name, plain.Length, reference.Length);
        double plainError = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            double error = Math.Abs(plain[i] - reference[i]);
            plainError = double.IsFinite(reference[i]) ? Math.Max(plainError, error) : plainError;
            if (double.IsFinite(reference[i]) && !double.IsFinite(error))
            {
                throw new ToleranceException($"{name}[{i}]: the plain loop gives {Text(plain[i])} and is no yardstick.");
            }
        }

        double share = 0.25 + (2.75 / Math.Sqrt(Math.Max(1, Math.Min(rows, reference.Length))));
        double bound = (2 * plainError) + (share * sensitivity * FloatPrecision / 2) + float.Epsilon;
        Compare(name, actual, reference, _ => bound, $"twice the plain loop's error {Text(plainError)}, sensitivity {Text(sensitivity)}");
    }

    /// <summary>The rule of golden numbers: 1e-5 relative to 1 + |x|.</summary>
    public static void Golden(string name, ReadOnlySpan<float> actual, ReadOnlySpan<double> expected) =>
        Compare(name, actual, expected, x => 1e-5 * (1 + Math.Abs(x)), "1e-5 relative to 1 + |x|");

    /// <summary>The rule of another library's recorded floats: 1e-5 relative to the largest of them.</summary>
    public static void RelativeToLargest(string name, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        double[] reference = new double[expected.Length];
        double largest = 0;
        for (int i = 0; i < reference.Length; i++)
        {
            reference[i] = expected[i];
            largest = Math.Max(largest, Math.Abs(reference[i]));
        }

        Compare(name, actual, reference, _ => 1e-5 * largest, "1e-5 relative to the largest number");
    }

    /// <summary>The rule of float16 cases, whose own arithmetic rounds several times: two steps of float16 relative to 1 + |x|.</summary>
    public static void Half(string name, ReadOnlySpan<float> actual, ReadOnlySpan<double> expected) =>
        Compare(name, actual, expected, x => 2 * HalfPrecision * (1 + Math.Abs(x)), "two steps of float16 relative to 1 + |x|");

    /// <summary>The rule of double formulas that should agree: 1e-12 relative to 1 + |x|.</summary>
    public static void Exact(string name, ReadOnlySpan<double> actual, ReadOnlySpan<double> expected) =>
        Compare(name, actual, expected, x => 1e-12 * (1 + Math.Abs(x)), "1e-12 relative to 1 + |x|");

    /// <summary>
    /// The rule of gradients in double against central differences of step 1e-6, whose own error is about 1e-10:
    /// 2e-6 relative to 1 + |x|.
    /// </summary>
    public static void Differences(string name, ReadOnlySpan<double> actual, ReadOnlySpan<double> numerical) =>
        Compare(name, actual, numerical, x => 2e-6 * (1 + Math.Abs(x)), "2e-6 relative to 1 + |x|");

    /// <summary>
    /// The rule of two float computations of one thing in different order, where there is no double reference:
    /// <paramref name="roundings"/> times the unit roundoff of the largest element.
    /// </summary>
    public static void Reordered(string name, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected, double roundings = 16)
    {
        double[] widened = new double[expected.Length];
        double largest = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            widened[i] = expected[i];
            largest = double.IsFinite(widened[i]) ? Math.Max(largest, Math.Abs(widened[i])) : largest;
        }

        double bound = roundings * largest * FloatPrecision / 2;
        Compare(name, actual, widened, _ => bound, $"{Text(roundings)} roundings of the largest element");
    }

    /// <summary>No bit may differ; every NaN is the same.</summary>
    public static void SameBits(string name, ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        RequireLength(name, actual.Length, expected.Length);
        ReadOnlySpan<int> actualBits = MemoryMarshal.Cast<float, int>(actual);
        ReadOnlySpan<int> expectedBits = MemoryMarshal.Cast<float, int>(expected);
        for (int i = 0; i < actual.Length; i++)
        {
            if (actualBits[i] != expectedBits[i] && !(float.IsNaN(actual[i]) && float.IsNaN(expected[i])))
            {
                throw new ToleranceException(
                    $"{name}[{i}] of {actual.Length} is {Text(actual[i])} (0x{actualBits[i]:X8}), not {Text(expected[i])} "
                    + $"(0x{expectedBits[i]:X8}): no bit may differ.");
            }
        }
    }

    private static void Compare(
        string name, ReadOnlySpan<float> actual, ReadOnlySpan<double> expected, Func<double, double> bound, string rule)
    {
        double[] widened = new double[actual.Length];
        for (int i = 0; i < actual.Length; i++)
        {
            widened[i] = actual[i];
        }

        Compare(name, (ReadOnlySpan<double>)widened, expected, bound, rule);
    }

    private static void Compare(
        string name, ReadOnlySpan<double> actual, ReadOnlySpan<double> expected, Func<double, double> bound, string rule)
    {
        RequireLength(name, actual.Length, expected.Length);
        int worst = -1;
        int wrong = 0;
        double worstExcess = 1;
        for (int i = 0; i < actual.Length; i++)
        {
            double excess = Excess(actual[i], expected[i], bound);
            if (excess > 1)
            {
                wrong++;
            }

            if (excess > worstExcess)
            {
                (worst, worstExcess) = (i, excess);
            }
        }

        if (worst >= 0)
        {
            double error = Math.Abs(actual[worst] - expected[worst]);
            throw new ToleranceException(
                $"{name}[{worst}] of {actual.Length} is {Text(actual[worst])}, not {Text(expected[worst])}: off by {Text(error)}, "
                + $"allowed {Text(bound(expected[worst]))} ({rule}). {wrong} elements are wrong.");
        }
    }

    /// <summary>The error in units of what is allowed; infinite where only one of the two is finite or the infinities differ.</summary>
    private static double Excess(double actual, double expected, Func<double, double> bound)
    {
        if (actual.Equals(expected))
        {
            return 0;
        }

        if (!double.IsFinite(actual) || !double.IsFinite(expected))
        {
            return double.PositiveInfinity;
        }

        double allowed = bound(expected);
        double error = Math.Abs(actual - expected);
        return error <= allowed ? 0 : Math.Max(error / allowed, double.BitIncrement(1));
    }

    private static void RequireLength(string name, int actual, int expected)
    {
        if (actual != expected)
        {
            throw new ToleranceException($"{name} has {actual} elements, not {expected}.");
        }
    }

    private static string Text(double number) => number.ToString("G9", CultureInfo.InvariantCulture);
}
