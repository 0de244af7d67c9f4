namespace Attention.Comparison.Work;

/// <summary>Some rows of the output, computed in double by plain loops.</summary>
internal static class SpotCheck
{
    private const int RowsPerHead = 5;

    /// <summary>The chosen rows of <paramref name="output"/>, and what they should be.</summary>
    internal static (float[] Expected, float[] Actual) Rows(AttentionData data, float[] output)
    {
        AttentionShape shape = data.Shape;
        var expected = new List<float>();
        var actual = new List<float>();
        for (int head = 0; head < shape.Batch * shape.Heads; head++)
        {
            for (int i = 0; i < RowsPerHead; i++)
            {
                int query = (int)((long)i * (shape.QueryLength - 1) / (RowsPerHead - 1));
                expected.AddRange(Row(data, head, query));
                actual.AddRange(output.AsSpan((head * shape.QueryLength + query) * shape.Size, shape.Size));
            }
        }

        return ([.. expected], [.. actual]);
    }

    private static float[] Row(AttentionData data, int head, int query)
    {
        AttentionShape shape = data.Shape;
        int size = shape.Size;
        int keyHead = head / (shape.Heads / shape.KeyValueHeads);
        IndexRange keys = shape.VisibleKeys(query);
        var weights = new double[keys.Length];
        for (int i = 0; i < weights.Length; i++)
        {
            double product = 0;
            for (int j = 0; j < size; j++)
            {
                product += (double)data.Query[(head * shape.QueryLength + query) * size + j]
                    * data.Key[(keyHead * shape.KeyLength + keys.Start + i) * size + j];
            }

            weights[i] = product / Math.Sqrt(size);
            if (shape.Bias)
            {
                weights[i] += data.Bias[((long)head * shape.QueryLength + query) * shape.KeyLength + keys.Start + i];
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
                row[j] += weight * data.Value[(keyHead * shape.KeyLength + keys.Start + i) * size + j];
            }
        }

        return [.. row.Select(sum => (float)(sum / total))];
    }
}
