namespace Attention.TestKit;

/// <summary>
/// For each tensor the largest first-order effect of rounding every number that goes into one of its elements, in units of
/// the precision. It says how small an error can be asked for where a tensor is too small for the plain loop's
/// error to be typical: with one element that loop may be right by luck.
/// </summary>
public sealed class Sensitivity
{
    public double Output { get; set; }

    public double LogSumExp { get; set; }

    public double Scores { get; set; }

    public double Weights { get; set; }

    public double Query { get; set; }

    public double Key { get; set; }

    public double Value { get; set; }

    public double Bias { get; set; }

    public double SinkLogits { get; set; }
}
