namespace Attention.TestKit;

/// <summary>Makes problems of seeded random numbers.</summary>
public static class AttentionProblems
{
    /// <summary>
    /// Normally distributed inputs and gradients; the queries are multiplied by <paramref name="queryFactor"/>.
    /// </summary>
    public static AttentionProblem<float> Random(AttentionShape shape, int seed = 1, float queryFactor = 1f)
    {
        Random random = new(seed);
        return new AttentionProblem<float>(shape)
        {
            Query = Normal(random, shape.QueryCount, queryFactor),
            Key = Normal(random, shape.KeyCount),
            Value = Normal(random, shape.ValueCount),
            OutputGradient = Normal(random, shape.OutputCount),
        };
    }

    /// <summary>Adds a random bias of the given four axes; those that are 1 are broadcast.</summary>
    public static AttentionProblem<float> WithBias(this AttentionProblem<float> problem, int[] biasShape, int seed = 2) =>
        problem with
        {
            BiasShape = biasShape,
            Bias = Normal(new Random(seed), biasShape[0] * biasShape[1] * biasShape[2] * biasShape[3]),
        };

    /// <summary>Adds a random sink logit for each head.</summary>
    public static AttentionProblem<float> WithSinks(this AttentionProblem<float> problem, int seed = 3) =>
        problem with { SinkLogits = Normal(new Random(seed), problem.Shape.Heads) };

    /// <summary>Adds a random gradient of the log-sum-exp.</summary>
    public static AttentionProblem<float> WithLogSumExpGradient(this AttentionProblem<float> problem, int seed = 4) =>
        problem with { LogSumExpGradient = Normal(new Random(seed), problem.Shape.RowCount) };

    /// <summary>Numbers of the normal distribution, times <paramref name="factor"/>.</summary>
    public static float[] Normal(Random random, int count, float factor = 1f)
    {
        float[] numbers = new float[count];
        for (int i = 0; i < count; i++)
        {
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            numbers[i] = (float)(factor * radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }

        return numbers;
    }

    /// <summary>The golden numbers' tensor <paramref name="k"/>: element i is <c>scale sin(0.7 i + 1.3 k)</c>.</summary>
    public static double[] Wave(int k, int count, double scale = 1)
    {
        double[] numbers = new double[count];
        for (int i = 0; i < count; i++)
        {
            numbers[i] = scale * Math.Sin((0.7 * i) + (1.3 * k));
        }

        return numbers;
    }
}
