namespace Attention.AotSmoke;

/// <summary>Causal attention of one batch, forward and backward, in double and in the order of the formula.</summary>
internal sealed class PlainLoop
{
    internal PlainLoop(float[] query, float[] key, float[] value, float[] outputGradient, int heads, int length, int headSize)
    {
        int count = query.Length;
        Output = new double[count];
        QueryGradient = new double[count];
        KeyGradient = new double[count];
        ValueGradient = new double[count];
        double scale = 1 / Math.Sqrt(headSize);
        double[] weights = new double[length];
        double[] weightGradients = new double[length];
        for (int head = 0; head < heads; head++)
        {
            for (int row = 0; row < length; row++)
            {
                int queryStart = (head * length + row) * headSize;
                double normaliser = 0;
                for (int column = 0; column <= row; column++)
                {
                    weights[column] = Math.Exp(scale * Dot(query, queryStart, key, (head * length + column) * headSize, headSize));
                    normaliser += weights[column];
                }

                double mean = 0;
                for (int column = 0; column <= row; column++)
                {
                    int keyStart = (head * length + column) * headSize;
                    weights[column] /= normaliser;
                    weightGradients[column] = Dot(outputGradient, queryStart, value, keyStart, headSize);
                    mean += weights[column] * weightGradients[column];
                    for (int i = 0; i < headSize; i++)
                    {
                        Output[queryStart + i] += weights[column] * value[keyStart + i];
                        ValueGradient[keyStart + i] += weights[column] * outputGradient[queryStart + i];
                    }
                }

                for (int column = 0; column <= row; column++)
                {
                    int keyStart = (head * length + column) * headSize;
                    double scoreGradient = scale * weights[column] * (weightGradients[column] - mean);
                    for (int i = 0; i < headSize; i++)
                    {
                        QueryGradient[queryStart + i] += scoreGradient * key[keyStart + i];
                        KeyGradient[keyStart + i] += scoreGradient * query[queryStart + i];
                    }
                }
            }
        }
    }

    internal double[] Output { get; }

    internal double[] QueryGradient { get; }

    internal double[] KeyGradient { get; }

    internal double[] ValueGradient { get; }

    private static double Dot(float[] left, int leftStart, float[] right, int rightStart, int count)
    {
        double sum = 0;
        for (int i = 0; i < count; i++)
        {
            sum += (double)left[leftStart + i] * right[rightStart + i];
        }

        return sum;
    }
}
