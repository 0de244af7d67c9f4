namespace Attention.TestKit;

/// <summary>Multi-head attention as plain loops in double, with the packed weights of a layer by their names.</summary>
/// <remarks>Norms of queries and keys, and the output gate, are there if their weights are.</remarks>
public sealed record ReferenceMultiHeadAttention(int ModelSize, int Heads, int KeyValueHeads, int HeadSize)
{
    private const double NormEpsilon = 1e-6;

    public required IReadOnlyDictionary<string, double[]> Weights { get; init; }

    public ReferenceMask? Mask { get; init; }

    /// <summary>Added to the scores, [heads, queryLength, keyLength]; null for none.</summary>
    public double[]? Bias { get; init; }

    /// <param name="query">[batch, queryLength, modelSize].</param>
    /// <param name="memory">What keys and values are computed from, [batch, keyLength, modelSize].</param>
    /// <param name="batch">How many sequences.</param>
    /// <returns>[batch, queryLength, modelSize].</returns>
    public double[] Forward(double[] query, double[] memory, int batch)
    {
        int queryWidth = Heads * HeadSize;
        int keyWidth = KeyValueHeads * HeadSize;
        double[] queries = Normalised("q_norm.weight", Project(query, 0, queryWidth));
        double[] keys = Normalised("k_norm.weight", Project(memory, queryWidth, keyWidth));
        double[] values = Project(memory, queryWidth + keyWidth, keyWidth);
        int queryLength = query.Length / ModelSize / batch;
        int keyLength = memory.Length / ModelSize / batch;
        double[] joined = new double[batch * queryLength * queryWidth];
        for (int b = 0; b < batch; b++)
        {
            for (int head = 0; head < Heads; head++)
            {
                for (int q = 0; q < queryLength; q++)
                {
                    Attend(queries, keys, values, joined, b, head, q, queryLength, keyLength);
                }
            }
        }

        if (Weights.ContainsKey("gate.weight"))
        {
            double[] gate = ReferenceLinear.Forward(query, Weights["gate.weight"], Weights["gate.bias"], ModelSize);
            for (int i = 0; i < joined.Length; i++)
            {
                joined[i] /= 1 + Math.Exp(-gate[i]);
            }
        }

        return ReferenceLinear.Forward(joined, Weights["out_proj.weight"], Weights.TryGetValue("out_proj.bias", out double[]? bias) ? bias : [], queryWidth);
    }

    private void Attend(
        double[] queries, double[] keys, double[] values, double[] joined, int batch, int head, int query, int queryLength, int keyLength)
    {
        int keyHead = head / (Heads / KeyValueHeads);
        int queryStart = ((((batch * queryLength) + query) * Heads) + head) * HeadSize;
        double[] weights = new double[keyLength];
        for (int key = 0; key < keyLength; key++)
        {
            int keyStart = ((((batch * keyLength) + key) * KeyValueHeads) + keyHead) * HeadSize;
            double score = Bias is null ? 0 : Bias[(((head * queryLength) + query) * keyLength) + key];
            for (int i = 0; i < HeadSize; i++)
            {
                double queryNumber = queries[queryStart + i];
                score += ((queryNumber + Number("content_bias", (head * HeadSize) + i)) * keys[keyStart + i]
                    + (queryNumber * Number("relative_key", (Clipped(query, key, queryLength, keyLength) * HeadSize) + i))
                    + ((queryNumber + Number("position_bias", (head * HeadSize) + i)) * Relative(query, key, queryLength, keyLength, (head * HeadSize) + i)))
                    / Math.Sqrt(HeadSize);
            }

            weights[key] = Mask?.Invoke(batch, head, query, key) ?? true ? Math.Exp(score) : 0;
        }

        double sum = weights.Sum();
        for (int key = 0; key < keyLength && sum > 0; key++)
        {
            int valueStart = ((((batch * keyLength) + key) * KeyValueHeads) + keyHead) * HeadSize;
            for (int i = 0; i < HeadSize; i++)
            {
                joined[queryStart + i] += weights[key] / sum
                    * (values[valueStart + i] + Number("relative_value", (Clipped(query, key, queryLength, keyLength) * HeadSize) + i));
            }
        }
    }

    /// <summary>A number of a weight that the layer may have; 0 if not.</summary>
    private double Number(string name, int index) => Weights.TryGetValue(name, out double[]? weight) ? weight[index] : 0;

    /// <summary>The row of the tables of clipped distances; the last query stands beside the last key.</summary>
    private int Clipped(int query, int key, int queryLength, int keyLength)
    {
        int largest = Weights.TryGetValue("relative_key", out double[]? table) ? table.Length / HeadSize / 2 : 0;
        return Math.Clamp(key - query - (keyLength - queryLength), -largest, largest) + largest;
    }

    /// <summary>A column of the projected sinusoids of a distance, as Transformer-XL has them.</summary>
    private double Relative(int query, int key, int queryLength, int keyLength, int column)
    {
        if (!Weights.TryGetValue("relative_proj.weight", out double[]? projection))
        {
            return 0;
        }

        int distance = query + keyLength - queryLength - key;
        int half = (ModelSize + 1) / 2;
        double sum = 0;
        for (int channel = 0; channel < ModelSize; channel++)
        {
            double angle = distance / Math.Pow(10000, 2.0 * (channel % half) / ModelSize);
            sum += projection[(column * ModelSize) + channel] * (channel < half ? Math.Sin(angle) : Math.Cos(angle));
        }

        return sum;
    }

    private double[] Project(double[] input, int start, int width) => ReferenceLinear.Forward(
        input,
        Weights["in_proj_weight"].AsSpan(start * ModelSize, width * ModelSize),
        Weights.TryGetValue("in_proj_bias", out double[]? bias) ? bias.AsSpan(start, width) : [],
        ModelSize);

    private double[] Normalised(string name, double[] heads)
    {
        if (!Weights.TryGetValue(name, out double[]? weight))
        {
            return heads;
        }

        double[] normalised = new double[heads.Length];
        for (int start = 0; start < heads.Length; start += HeadSize)
        {
            double squares = 0;
            for (int i = 0; i < HeadSize; i++)
            {
                squares += heads[start + i] * heads[start + i];
            }

            double factor = 1 / Math.Sqrt((squares / HeadSize) + NormEpsilon);
            for (int i = 0; i < HeadSize; i++)
            {
                normalised[start + i] = heads[start + i] * factor * weight[i];
            }
        }

        return normalised;
    }
}
