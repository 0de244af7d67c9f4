namespace Attention.TestKit;

/// <summary>Compares what a backend computed with a formula over <see cref="PlainTensor"/>s.</summary>
public static class PlainFormula
{
    /// <summary>What one rounding changes, relatively.</summary>
    private const double Roundoff = 1.0 / (1 << 24);

    private const int Trials = 8;

    /// <summary>
    /// The rule of mechanisms, against the formula in double, with the formula in float as the yardstick. What rounding each
    /// number once does to an element is found by trying: every input is moved by half a unit in its last place, up or down at
    /// random.
    /// </summary>
    public static void Check(string name, ReadOnlySpan<float> actual, Func<PlainTensor[], PlainTensor> formula, params PlainTensor[] inputs)
    {
        double[] reference = formula(inputs).Values;
        PlainTensor plain = formula(Array.ConvertAll(inputs, static input => input.ToFloat()));
        Tolerance.Mechanism(name, actual, reference, plain.Floats, Sensitivity(formula, inputs, reference), rows: 1);
    }

    private static double Sensitivity(Func<PlainTensor[], PlainTensor> formula, PlainTensor[] inputs, double[] reference)
    {
        Random random = new(1);
        double largest = 0;
        for (int trial = 0; trial < Trials; trial++)
        {
            double[] moved = formula(Array.ConvertAll(
                inputs, input => input.Map(x => x * (1 + (random.Next(2) == 0 ? Roundoff : -Roundoff))))).Values;
            for (int i = 0; i < reference.Length; i++)
            {
                double change = Math.Abs(moved[i] - reference[i]) / Roundoff + Math.Abs(reference[i]);
                largest = double.IsFinite(change) ? Math.Max(largest, change) : largest;
            }
        }

        return largest;
    }
}
