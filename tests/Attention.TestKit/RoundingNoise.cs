namespace Attention.TestKit;

/// <summary>
/// Finds out what rounding does to a computation that is too long for a formula: Monte Carlo arithmetic (Parker, Pierce and Eggert
/// 2000, "Monte Carlo arithmetic: how to gamble with floating point and win"). The computation runs in double with a small random
/// relative error on every number, and the largest change of a result, in units of that error, is its sensitivity.
/// </summary>
public static class RoundingNoise
{
    private const double Noise = 1e-7;
    private const int Runs = 3;

    /// <summary>The sensitivity of each result.</summary>
    /// <param name="exact">The results without noise.</param>
    /// <param name="compute">Computes the results, applying what it is given to every number.</param>
    public static double[] Sensitivities(double[][] exact, Func<Func<double, double>, double[][]> compute)
    {
        double[] largest = new double[exact.Length];
        for (int run = 0; run < Runs; run++)
        {
            Random random = new(run + 1);
            double[][] noisy = compute(x => x * (1 + (Noise * ((2 * random.NextDouble()) - 1))));
            for (int i = 0; i < exact.Length; i++)
            {
                for (int j = 0; j < exact[i].Length; j++)
                {
                    double change = Math.Abs(noisy[i][j] - exact[i][j]) / Noise;
                    largest[i] = double.IsFinite(change) ? Math.Max(largest[i], change) : largest[i];
                }
            }
        }

        return largest;
    }
}
