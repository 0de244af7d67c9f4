namespace Attention.TestKit;

/// <summary>Visual attention by plain loops in double, with the weights of a layer by name.</summary>
public sealed class ReferenceVisualAttention(int annotationSize, int stateSize, int hiddenSize)
{
    public required IReadOnlyDictionary<string, double[]> Weights { get; init; }

    /// <summary>Which regions a step may look at: batch, step, region.</summary>
    public Func<int, int, int, bool> Mask { get; init; } = static (_, _, _) => true;

    /// <summary>The row of scores of every step, row-major over batch and step.</summary>
    public HardAttentionRow<double>[] Rows(double[] annotations, double[] states, int batch)
    {
        int regions = annotations.Length / batch / annotationSize;
        int steps = states.Length / batch / stateSize;
        var rows = new HardAttentionRow<double>[batch * steps];
        for (int row = 0; row < rows.Length; row++)
        {
            int sequence = row / steps;
            double[] query = Product(Weights["state.weight"], states.AsSpan(row * stateSize, stateSize), null);
            double[] scores = new double[regions];
            for (int region = 0; region < regions; region++)
            {
                double[] key = Product(
                    Weights["annotation.weight"], annotations.AsSpan((sequence * regions + region) * annotationSize, annotationSize), Weights["annotation.bias"]);
                for (int i = 0; i < hiddenSize; i++)
                {
                    scores[region] += Weights["score"][i] * Math.Tanh(query[i] + key[i]);
                }
            }

            int step = row % steps;
            rows[row] = new HardAttentionRow<double>(scores, region => Mask(sequence, step, region));
        }

        return rows;
    }

    /// <summary>Contexts of soft attention, or of the given regions, times the gate if there is one.</summary>
    public double[] Contexts(double[] annotations, double[] states, int batch, int[]? choices = null)
    {
        HardAttentionRow<double>[] rows = Rows(annotations, states, batch);
        int regions = annotations.Length / batch / annotationSize;
        int steps = rows.Length / batch;
        double[] contexts = new double[rows.Length * annotationSize];
        for (int row = 0; row < rows.Length; row++)
        {
            double gate = Weights.ContainsKey("gate.weight")
                ? 1 / (1 + Math.Exp(-Product(Weights["gate.weight"], states.AsSpan(row * stateSize, stateSize), Weights["gate.bias"])[0]))
                : 1;
            for (int region = 0; region < regions; region++)
            {
                double weight = choices is null ? rows[row].Weights[region] : choices[row] == region ? 1 : 0;
                for (int i = 0; i < annotationSize; i++)
                {
                    contexts[row * annotationSize + i] += gate * weight * annotations[(row / steps * regions + region) * annotationSize + i];
                }
            }
        }

        return contexts;
    }

    /// <summary>tanh(weight mean + bias), over the regions that step 0 may look at.</summary>
    public double[] InitialState(string name, double[] annotations, int batch)
    {
        int regions = annotations.Length / batch / annotationSize;
        List<double> states = [];
        for (int sequence = 0; sequence < batch; sequence++)
        {
            double[] mean = new double[annotationSize];
            int count = Enumerable.Range(0, regions).Count(region => Mask(sequence, 0, region));
            for (int region = 0; region < regions; region++)
            {
                for (int i = 0; i < annotationSize && Mask(sequence, 0, region); i++)
                {
                    mean[i] += annotations[(sequence * regions + region) * annotationSize + i] / count;
                }
            }

            states.AddRange(Product(Weights[$"{name}.weight"], mean, Weights[$"{name}.bias"]).Select(Math.Tanh));
        }

        return [.. states];
    }

    /// <summary>The mean over the batch of sum_i (1 - sum_t a_ti)^2, over the first steps of each sequence.</summary>
    public static double Penalty(HardAttentionRow<double>[] rows, int[] steps, int[] regions)
    {
        int length = rows.Length / steps.Length;
        double penalty = 0;
        for (int sequence = 0; sequence < steps.Length; sequence++)
        {
            for (int region = 0; region < regions[sequence]; region++)
            {
                double total = rows.Skip(sequence * length).Take(steps[sequence]).Sum(row => row.Weights[region]);
                penalty += (1 - total) * (1 - total) / steps.Length;
            }
        }

        return penalty;
    }

    private static double[] Product(double[] matrix, ReadOnlySpan<double> vector, double[]? bias)
    {
        double[] result = new double[matrix.Length / vector.Length];
        for (int row = 0; row < result.Length; row++)
        {
            result[row] = bias?[row] ?? 0;
            for (int column = 0; column < vector.Length; column++)
            {
                result[row] += matrix[row * vector.Length + column] * vector[column];
            }
        }

        return result;
    }
}
