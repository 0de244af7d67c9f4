namespace QuickStart;

/// <summary>Attention as one would write it first: a plain loop over heads, queries and keys. The baseline of the timing.</summary>
internal static class PlainAttention
{
    /// <summary>All operands are packed, row-major, <c>[heads, length, headSize]</c>.</summary>
    internal static void Forward(
        ReadOnlySpan<float> query, ReadOnlySpan<float> key, ReadOnlySpan<float> value, Span<float> output, int heads, int length, int headSize)
    {
        float scale = 1f / MathF.Sqrt(headSize);
        float[] weights = new float[length];
        for (int head = 0; head < heads; head++)
        {
            for (int row = 0; row < length; row++)
            {
                ReadOnlySpan<float> queryRow = query.Slice((head * length + row) * headSize, headSize);
                float largest = float.NegativeInfinity;
                for (int column = 0; column < length; column++)
                {
                    ReadOnlySpan<float> keyRow = key.Slice((head * length + column) * headSize, headSize);
                    float sum = 0f;
                    for (int i = 0; i < queryRow.Length; i++)
                    {
                        sum += queryRow[i] * keyRow[i];
                    }

                    weights[column] = sum * scale;
                    largest = MathF.Max(largest, weights[column]);
                }

                float normaliser = 0f;
                for (int column = 0; column < length; column++)
                {
                    weights[column] = MathF.Exp(weights[column] - largest);
                    normaliser += weights[column];
                }

                Span<float> outputRow = output.Slice((head * length + row) * headSize, headSize);
                outputRow.Clear();
                for (int column = 0; column < length; column++)
                {
                    ReadOnlySpan<float> valueRow = value.Slice((head * length + column) * headSize, headSize);
                    float weight = weights[column] / normaliser;
                    for (int i = 0; i < outputRow.Length; i++)
                    {
                        outputRow[i] += weight * valueRow[i];
                    }
                }
            }
        }
    }
}
