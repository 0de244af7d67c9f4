using Attention.TestKit;

namespace Attention.Tests.Operators;

/// <summary>The reference of the error function against values of Abramowitz and Stegun, "Handbook of mathematical functions", table 7.1.</summary>
public class ErfReferenceTests
{
    [Fact]
    public void Erf_HasTheTabulatedValues()
    {
        double[] arguments = [0, 0.1, 0.5, 1, 1.5, 2, -1];
        double[] values = [0, 0.1124629160, 0.5204998778, 0.8427007929, 0.9661051465, 0.9953222650, -0.8427007929];
        for (int i = 0; i < arguments.Length; i++)
        {
            OperatorLoops.Erf(arguments[i]).Should().BeApproximately(values[i], 5e-11);
        }
    }

    // Series and continued fraction meet at 2.5: both sides must have the slope of the function, 2 / sqrt(pi) exp(-x^2).
    [Fact]
    public void Erf_IsContinuousWhereItsFormulasMeet()
    {
        const double Step = 1e-9;
        double slope = (OperatorLoops.Erf(2.5 + Step) - OperatorLoops.Erf(2.5 - Step)) / (2 * Step);
        slope.Should().BeApproximately(2 / Math.Sqrt(Math.PI) * Math.Exp(-6.25), 2e-7);
    }
}
