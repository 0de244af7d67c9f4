namespace Attention.TestKit;

/// <summary>Errors of floats, counted in units in the last place.</summary>
public static class Ulp
{
    /// <summary>
    /// The distance of <paramref name="value"/> from <paramref name="reference"/> in units of the spacing of floats around
    /// the reference: at most 0.5 for a correctly rounded result.
    /// </summary>
    /// <param name="value">The float.</param>
    /// <param name="reference">What it should be.</param>
    /// <returns>
    /// The distance; 0 where both are NaN or where an infinity is the nearest float; infinity where only one is NaN or
    /// where the value is infinite and should not be.
    /// </returns>
    public static double Distance(float value, double reference)
    {
        if (float.IsFinite(value) && float.IsFinite((float)reference))
        {
            return Math.Abs(value - reference) / Spacing(reference);
        }

        return value.Equals((float)reference) ? 0 : double.PositiveInfinity;
    }

    /// <summary>The distance between neighbouring floats in the binade of <paramref name="value"/>.</summary>
    /// <param name="value">A finite number.</param>
    /// <returns>A power of two, from 2^-149.</returns>
    public static double Spacing(double value)
    {
        int exponent = value == 0 ? -126 : Math.Max(Math.ILogB(value), -126);
        return Math.ScaleB(1, exponent - 23);
    }
}
