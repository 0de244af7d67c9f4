namespace Attention.Numerics;

/// <summary>How the weights of entmax change with alpha, in double: the formula subtracts numbers that are close to each other.</summary>
internal static class EntmaxAlpha
{
    /// <summary>Below this alpha - 1 the limit is closer than what is left of the differences.</summary>
    private const double SmallStep = 1e-4;

    /// <summary>The sum of <paramref name="gradient"/> times the derivatives of <paramref name="weights"/> by alpha.</summary>
    internal static double Gradient(ReadOnlySpan<float> weights, ReadOnlySpan<float> gradient, double alpha)
    {
        double step = alpha - 1;
        double total = 0;
        foreach (float weight in weights)
        {
            total += weight;
        }

        double slopes = 0;
        double logarithms = 0;
        double squares = 0;
        foreach (float weight in weights)
        {
            if (weight != 0)
            {
                // The weights were rounded; the formula needs a sum of exactly 1.
                double share = weight / total;
                double logarithm = Math.Log(share);
                slopes += Math.Pow(share, 2 - alpha);
                logarithms += share * logarithm;
                squares += share * logarithm * logarithm;
            }
        }

        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
        {
            if (weights[i] != 0)
            {
                double share = weights[i] / total;
                double logarithm = Math.Log(share);
                double part = Math.Pow(share, 2 - alpha) / slopes;
                sum += gradient[i] * (step < SmallStep
                    ? share * (squares - logarithm * logarithm) / 2
                    : (share - part) / (step * step) - (share * logarithm - part * logarithms) / step);
            }
        }

        return sum;
    }
}
