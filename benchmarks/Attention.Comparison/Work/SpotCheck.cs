namespace Attention.Comparison.Work;

/// <summary>Some rows of the output, computed in double by plain loops.</summary>
internal static class SpotCheck
{
    private const int RowsPerHead = 5;

    /// <summary>The chosen rows of <paramref name="output"/>, and what they should be.</summary>
    internal static (float[] Expected, float[] Actual) Rows(AttentionData data, float[] output)
    {
        AttentionTask task = data.Task;
        var expected = new List<float>();
        var actual = new List<float>();
        for (int head = 0; head < task.Batch * task.Heads; head++)
        {
            for (int i = 0; i < RowsPerHead; i++)
            {
                int query = (int)((long)i * (task.QueryLength - 1) / (RowsPerHead - 1));
                expected.AddRange(Row(data, head, query));
                actual.AddRange(output.AsSpan((head * task.QueryLength + query) * task.Size, task.Size));
            }
        }

        return ([.. expected], [.. actual]);
    }

    private static float[] Row(AttentionData data, int head, int query)
    {
        AttentionTask task = data.Task;
        int size = task.Size;
        int keyHead = head / (task.Heads / task.KeyValueHeads);
        IndexRange keys = task.VisibleKeys(query);
        var weights = new double[keys.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            double product = 0;
            for (int j = 0; j < size; j++)
            {
                product += (double)data.Query[(head * task.QueryLength + query) * size + j]
                    * data.Key[(keyHead * task.KeyLength + keys.Start + i) * size + j];
            }

            weights[i] = product / Math.Sqrt(size);
            if (task.Bias)
            {
                weights[i] += data.Bias[((long)head * task.QueryLength + query) * task.KeyLength + keys.Start + i];
            }
        }

        double largest = weights.Max();
        double total = 0;
        var row = new double[size];
        for (int i = 0; i < weights.Length; i++)
        {
            double weight = Math.Exp(weights[i] - largest);
            total += weight;
            for (int j = 0; j < size; j++)
            {
                row[j] += weight * data.Value[(keyHead * task.KeyLength + keys.Start + i) * size + j];
            }
        }

        return [.. row.Select(sum => (float)(sum / total))];
    }
}
