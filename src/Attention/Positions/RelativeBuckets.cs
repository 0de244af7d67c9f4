using System.Numerics;

namespace Attention.Positions;

/// <summary>
/// Sorts the distances between keys and queries into buckets: near ones each into its own, farther ones into buckets that
/// widen with the logarithm, those from a maximum distance on into the last (Raffel et al. 2020, "Exploring the Limits of
/// Transfer Learning with a Unified Text-to-Text Transformer", section 2.1, and its code).
/// </summary>
/// <remarks>
/// With n buckets to a side and e = n / 2 rounded down, a distance r below e has bucket r, any other
/// <c>e + floor(ln(r/e) / ln(maximumDistance/e) (n - e))</c>, at most n - 1. The bounds are whole numbers that are found
/// exactly, since logarithms in float put distances that lie on a bound on either side of it.
/// </remarks>
public sealed class RelativeBuckets
{
    /// <summary>Entry b - 1 is the smallest distance of bucket b or a later one, on one side.</summary>
    private readonly int[] _bounds;

    /// <summary>Describes the buckets; the defaults are those of T5's encoder.</summary>
    /// <param name="isBidirectional">
    /// Whether keys after the query have buckets of their own, the second half; if not, they share bucket 0 with distance 0.
    /// </param>
    /// <param name="count">The buckets in all. Of an odd number the last one stays empty where there are two sides.</param>
    /// <param name="maximumDistance">The distance from which on all share a bucket; more than half of the buckets of a side.</param>
    /// <exception cref="ArgumentOutOfRangeException">
    /// There is not a bucket for each side, or <paramref name="maximumDistance"/> is too small.
    /// </exception>
    public RelativeBuckets(bool isBidirectional = true, int count = 32, int maximumDistance = 128)
    {
        int least = isBidirectional ? 2 : 1;
        if (count < least)
        {
            Throw.OutOfRange(nameof(count), count, $"'{nameof(count)}' is {count}; expected {least} or more.");
        }

        int side = isBidirectional ? count / 2 : count;
        if (maximumDistance <= side / 2)
        {
            Throw.OutOfRange(
                nameof(maximumDistance),
                maximumDistance,
                $"'{nameof(maximumDistance)}' is {maximumDistance}; expected more than {side / 2}, the distances that have a bucket each.");
        }

        IsBidirectional = isBidirectional;
        Count = count;
        MaximumDistance = maximumDistance;
        _bounds = Bounds(side, maximumDistance);
    }

    /// <summary>Whether keys after the query have buckets of their own.</summary>
    public bool IsBidirectional { get; }

    /// <summary>The buckets in all.</summary>
    public int Count { get; }

    /// <summary>The distance from which on all share a bucket.</summary>
    public int MaximumDistance { get; }

    /// <summary>The bucket of a relative position.</summary>
    /// <param name="relativePosition">The key's position minus the query's.</param>
    /// <returns>The bucket, from 0.</returns>
    public int Bucket(int relativePosition) => Bucket((long)relativePosition);

    internal int Bucket(long relativePosition)
    {
        if (!IsBidirectional)
        {
            return OfDistance(Math.Max(-relativePosition, 0));
        }

        return OfDistance(Math.Abs(relativePosition)) + (relativePosition > 0 ? _bounds.Length + 1 : 0);
    }

    /// <summary>How many bounds are not above the distance.</summary>
    private int OfDistance(long distance)
    {
        int low = 0;
        int high = _bounds.Length;
        while (low < high)
        {
            int middle = low + (high - low) / 2;
            if (_bounds[middle] <= distance)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private static int[] Bounds(int side, int maximumDistance)
    {
        int exact = side / 2;
        int wide = side - exact;
        int[] bounds = new int[side - 1];
        for (int bucket = 1; bucket < side; bucket++)
        {
            bounds[bucket - 1] = bucket <= exact ? bucket : Bound(exact, maximumDistance, bucket - exact, wide);
        }

        return bounds;
    }

    /// <summary>
    /// The smallest whole r with <c>ln(r/exact) / ln(maximum/exact) wide >= step</c>, which is
    /// <c>r^wide >= maximum^step exact^(wide-step)</c> in whole numbers.
    /// </summary>
    private static int Bound(int exact, int maximum, int step, int wide)
    {
        double root = exact * Math.Pow((double)maximum / exact, (double)step / wide);
        double nearest = Math.Round(root);

        // In double the root is right to about 1e-15 of itself: only beside a whole number is there anything to find out.
        if (Math.Abs(root - nearest) > 1e-12 * root)
        {
            return (int)Math.Ceiling(root);
        }

        BigInteger power = BigInteger.Pow(maximum, step) * BigInteger.Pow(exact, wide - step);
        return BigInteger.Pow((int)nearest, wide) >= power ? (int)nearest : (int)nearest + 1;
    }
}
