namespace Attention.Comparison.Contenders.Onnx;

/// <summary>Moves the heads of a tensor before or behind its positions.</summary>
internal static class HeadOrder
{
    /// <summary><c>[batch, heads, length, size]</c> to <c>[batch, length, heads * size]</c>.</summary>
    internal static float[] Behind(float[] source, int batch, int heads, int length, int size) =>
        Swap(source, batch, heads, length, size);

    /// <summary><c>[batch, length, heads * size]</c> to <c>[batch, heads, length, size]</c>.</summary>
    internal static float[] Before(float[] source, int batch, int heads, int length, int size) =>
        Swap(source, batch, length, heads, size);

    private static float[] Swap(float[] source, int batch, int outer, int inner, int size)
    {
        var swapped = new float[source.Length];
        for (int b = 0; b < batch; b++)
        {
            for (int i = 0; i < outer; i++)
            {
                for (int j = 0; j < inner; j++)
                {
                    int from = ((b * outer + i) * inner + j) * size;
                    int to = ((b * inner + j) * outer + i) * size;
                    source.AsSpan(from, size).CopyTo(swapped.AsSpan(to));
                }
            }
        }

        return swapped;
    }
}
