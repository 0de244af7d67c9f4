namespace Attention.TestKit;

/// <summary>
/// What rounding every number once does to the results of a recurrence, in units of the precision. Errors go through many steps, so
/// it is measured: each operation in double is wrong by a tiny amount of random sign, several times over.
/// </summary>
public static class RecurrenceSensitivity
{
    private const double Amount = 1.0 / (1 << 30);
    private const int Runs = 8;

    /// <summary>The largest uncertainty of an element, in the order of the results of <paramref name="reference"/>.</summary>
    public static double[] Measure(RecurrenceProblem<double> problem, RecurrenceLoops<double> reference)
    {
        Random random = new(17);
        double[][] expected = [.. reference.Results.Select(result => result.Numbers)];
        double[][] squares = [.. expected.Select(numbers => new double[numbers.Length])];
        for (int run = 0; run < Runs; run++)
        {
            RecurrenceLoops<double> moved = RecurrenceLoops<double>.Run(problem, x => x * (1 + (random.Next(2) == 0 ? Amount : -Amount)));
            foreach (((double[] sums, double[] numbers), (_, double[] other)) in squares.Zip(expected).Zip(moved.Results))
            {
                for (int i = 0; i < sums.Length; i++)
                {
                    double error = (other[i] - numbers[i]) / Amount;
                    sums[i] += error * error / Runs;
                }
            }
        }

        return [.. squares.Select(sums => sums.Length == 0 ? 0 : Math.Sqrt(sums.Max()))];
    }
}
