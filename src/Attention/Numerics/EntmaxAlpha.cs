namespace Attention.Numerics;

/// <summary>
/// How the weights of entmax change with alpha (Correia, Niculae and Martins 2019, "Adaptively Sparse Transformers", proposition 1).
/// </summary>
/// <remarks>
/// With s = alpha - 1, logarithms l = ln p, h = sum p l and the power <c>q_j = p_j^(2 - alpha) / sum p^(2 - alpha)</c> the paper has
/// <c>dp_j/dalpha = (p_j - q_j) / s^2 - (p_j l_j - q_j h) / s</c>, whose parts grow without bounds as alpha falls to 1 and cancel.
/// Written with <c>t_j = (p_j^-s - 1 + s l_j) / s^2</c>, which goes to l_j^2 / 2, and with T = sum p t, what cancels is gone:
/// <c>dp_j/dalpha = p_j (T (1 - s l_j) - t_j (1 - s h)) / sum p^(1 - s)</c>, for every alpha from 1 to 2.
/// </remarks>
internal static class EntmaxAlpha
{
    /// <summary>Below this exponent the difference of <see cref="Remainder"/> loses digits, and a dozen terms of its series are exact.</summary>
    private const double SmallExponent = 0.5;

    /// <summary>The sum of <paramref name="gradient"/> times the derivatives of <paramref name="weights"/> by alpha; 0 without any weight.</summary>
    /// <param name="weights">The weights of a row; where one is zero its gradient is not looked at.</param>
    /// <param name="gradient">The gradient of the loss by the weights, as many.</param>
    /// <param name="alpha">From 1 to 2.</param>
    internal static double Gradient(ReadOnlySpan<float> weights, ReadOnlySpan<float> gradient, double alpha)
    {
        double step = alpha - 1;
        double total = 0;
        foreach (float weight in weights)
        {
            total += weight;
        }

        double logarithms = 0;
        double curves = 0;
        double slopes = 0;
        double logarithmSlopes = 0;
        double curveSlopes = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                // The weights were rounded; the formula needs a sum of exactly 1.
                double share = weights[i] / total;
                double logarithm = Math.Log(share);
                double curve = share * logarithm * logarithm * Remainder(-step * logarithm);
                logarithms += share * logarithm;
                curves += curve;
                slopes += gradient[i] * share;
                logarithmSlopes += gradient[i] * share * logarithm;
                curveSlopes += gradient[i] * curve;
            }
        }

        // sum p^(1 - s) = 1 - s h + s^2 T, by what t is.
        double powers = 1 - step * logarithms + step * step * curves;
        return (curves * (slopes - step * logarithmSlopes) - curveSlopes * (1 - step * logarithms)) / powers;
    }

    /// <summary><c>(e^x - 1 - x) / x^2</c> for x from 0, where it is 1/2.</summary>
    private static double Remainder(double exponent)
    {
        if (!(exponent < SmallExponent))
        {
            return (Math.Exp(exponent) - 1 - exponent) / (exponent * exponent);
        }

        const int Terms = 14;
        double sum = 1;
        for (int term = Terms; term > 2; term--)
        {
            sum = 1 + sum * exponent / term;
        }

        return sum / 2;
    }
}
