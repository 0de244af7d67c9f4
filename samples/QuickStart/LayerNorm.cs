using System.Numerics.Tensors;

namespace QuickStart;

/// <summary>Layer normalisation: each row to mean 0 and variance 1, then <c>* weight + bias</c>.</summary>
internal sealed class LayerNorm(SafetensorsFile file, string name, int size)
{
    private const float Epsilon = 1e-5f;

    private readonly float[] _weight = file.Floats(name + ".weight", size);
    private readonly float[] _bias = file.Floats(name + ".bias", size);

    internal float[] Forward(float[] input)
    {
        float[] output = new float[input.Length];
        for (int start = 0; start < input.Length; start += size)
        {
            Span<float> row = output.AsSpan(start, size);
            ReadOnlySpan<float> source = input.AsSpan(start, size);
            TensorPrimitives.Subtract(source, TensorPrimitives.Sum(source) / size, row);
            float variance = TensorPrimitives.SumOfSquares<float>(row) / size;
            TensorPrimitives.Divide(row, MathF.Sqrt(variance + Epsilon), row);
            TensorPrimitives.MultiplyAdd(row, _weight, _bias, row);
        }

        return output;
    }
}
