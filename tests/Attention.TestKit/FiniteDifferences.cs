namespace Attention.TestKit;

/// <summary>Numerical gradients in double.</summary>
public static class FiniteDifferences
{
    /// <summary>Half the distance between the two points of the central difference.</summary>
    public const double Step = 1e-6;

    /// <summary>The gradient of <paramref name="loss"/> by each element of <paramref name="input"/>, which is moved and put back.</summary>
    public static double[] Gradient(double[] input, Func<double> loss)
    {
        double[] gradient = new double[input.Length];
        for (int i = 0; i < input.Length; i++)
        {
            double middle = input[i];
            input[i] = middle + Step;
            double above = loss();
            input[i] = middle - Step;
            double below = loss();
            input[i] = middle;
            gradient[i] = (above - below) / (2 * Step);
        }

        return gradient;
    }
}
