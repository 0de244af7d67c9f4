namespace Attention.Comparison.Measuring;

internal static class Statistics
{
    internal static double Median(IEnumerable<double> numbers)
    {
        double[] sorted = [.. numbers.Order()];
        int middle = sorted.Length / 2;
        return sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
    }

    /// <summary>The median over the rounds of <paramref name="other"/> divided by <paramref name="own"/>.</summary>
    internal static double PairedRatio(double[] other, double[] own) =>
        Median(other.Zip(own, (numerator, denominator) => numerator / denominator));
}
