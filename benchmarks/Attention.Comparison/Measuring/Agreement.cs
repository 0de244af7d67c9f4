namespace Attention.Comparison.Measuring;

/// <summary>Decides whether two contenders did the same work: nothing is timed before they agree.</summary>
internal static class Agreement
{
    // Sums of thousands of products in another order differ by a few units in the sixth digit; a wrong mask, scale or
    // layout differs in the first.
    private const double Share = 1e-4;

    /// <summary>Null, or how the results differ.</summary>
    internal static string? Difference(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        if (expected.Length != actual.Length)
        {
            return $"gives {actual.Length} numbers instead of {expected.Length}";
        }

        double largest = 0;
        double difference = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(expected[i]));
            double distance = Math.Abs((double)expected[i] - actual[i]);
            difference = double.IsNaN(distance) ? double.PositiveInfinity : Math.Max(difference, distance);
        }

        return difference <= Share * largest ? null : $"differs by {difference:G2} where the largest number is {largest:G2}";
    }
}
