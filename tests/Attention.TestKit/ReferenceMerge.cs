namespace Attention.TestKit;

/// <summary>The merge of partial results, <c>O = sum_r w_r O_r</c> with <c>w = softmax_r(LSE_r)</c>, in double.</summary>
public static class ReferenceMerge
{
    /// <summary>Merges parts of <paramref name="rows"/> rows; a row that is empty in every part stays empty.</summary>
    public static (double[] Output, double[] LogSumExp) Forward(double[][] outputs, double[][] logSumExps, int rows, int valueSize)
    {
        double[] output = new double[rows * valueSize];
        double[] logSumExp = new double[rows];
        for (int row = 0; row < rows; row++)
        {
            double[] weights = Weights(logSumExps, row, out logSumExp[row]);
            for (int part = 0; part < outputs.Length; part++)
            {
                for (int c = 0; c < valueSize && weights[part] > 0; c++)
                {
                    output[(row * valueSize) + c] += weights[part] * outputs[part][(row * valueSize) + c];
                }
            }
        }

        return (output, logSumExp);
    }

    /// <summary>
    /// The gradients of every part: <c>dO_r = w_r dO</c> and <c>dLSE_r = w_r (dLSE + &lt;dO, O_r - O&gt;)</c>.
    /// </summary>
    public static (double[][] Outputs, double[][] LogSumExps) Backward(
        double[][] outputs, double[][] logSumExps, double[] outputGradient, double[] logSumExpGradient, int rows, int valueSize)
    {
        (double[] output, _) = Forward(outputs, logSumExps, rows, valueSize);
        double[][] outputGradients = [.. outputs.Select(part => new double[part.Length])];
        double[][] logSumExpGradients = [.. outputs.Select(_ => new double[rows])];
        for (int row = 0; row < rows; row++)
        {
            double[] weights = Weights(logSumExps, row, out _);
            for (int part = 0; part < outputs.Length; part++)
            {
                double sum = logSumExpGradient[row];
                for (int c = 0; c < valueSize && weights[part] > 0; c++)
                {
                    int place = (row * valueSize) + c;
                    outputGradients[part][place] = weights[part] * outputGradient[place];
                    sum += outputGradient[place] * (outputs[part][place] - output[place]);
                }

                logSumExpGradients[part][row] = weights[part] > 0 ? weights[part] * sum : 0;
            }
        }

        return (outputGradients, logSumExpGradients);
    }

    private static double[] Weights(double[][] logSumExps, int row, out double logSumExp)
    {
        double[] weights = [.. logSumExps.Select(part => part[row])];
        double maximum = weights.Max();
        if (double.IsNegativeInfinity(maximum))
        {
            logSumExp = maximum;
            return new double[weights.Length];
        }

        double sum = weights.Sum(each => Math.Exp(each - maximum));
        logSumExp = maximum + Math.Log(sum);
        return [.. weights.Select(each => Math.Exp(each - maximum) / sum)];
    }
}
