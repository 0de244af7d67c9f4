namespace Attention.TestKit;

/// <summary>A linear layer as plain loops in double.</summary>
public static class ReferenceLinear
{
    /// <summary>Each row of the input times each row of the weight, plus the bias.</summary>
    /// <param name="input">[rows, inputSize].</param>
    /// <param name="weight">[outputSize, inputSize].</param>
    /// <param name="bias">[outputSize], or null.</param>
    /// <param name="inputSize">Numbers in a row.</param>
    public static double[] Forward(double[] input, ReadOnlySpan<double> weight, ReadOnlySpan<double> bias, int inputSize)
    {
        int rows = input.Length / inputSize;
        int outputSize = weight.Length / inputSize;
        double[] output = new double[rows * outputSize];
        for (int row = 0; row < rows; row++)
        {
            for (int o = 0; o < outputSize; o++)
            {
                double sum = bias.IsEmpty ? 0 : bias[o];
                for (int i = 0; i < inputSize; i++)
                {
                    sum += input[(row * inputSize) + i] * weight[(o * inputSize) + i];
                }

                output[(row * outputSize) + o] = sum;
            }
        }

        return output;
    }
}
