namespace QuickStart;

/// <summary>A dense layer: <c>input [rows, inputSize] * weight [inputSize, outputSize] + bias</c>.</summary>
internal sealed class Linear(SafetensorsFile file, string name, int inputSize, int outputSize)
{
    private readonly float[] _weight = file.Floats(name + ".weight", inputSize, outputSize);
    private readonly float[] _bias = file.Floats(name + ".bias", outputSize);

    internal float[] Forward(float[] input)
    {
        int rows = input.Length / inputSize;
        float[] output = new float[rows * outputSize];
        for (int row = 0; row < rows; row++)
        {
            Span<float> outputRow = output.AsSpan(row * outputSize, outputSize);
            _bias.CopyTo(outputRow);
            for (int step = 0; step < inputSize; step++)
            {
                float factor = input[row * inputSize + step];
                ReadOnlySpan<float> weightRow = _weight.AsSpan(step * outputSize, outputSize);
                for (int column = 0; column < outputSize; column++)
                {
                    outputRow[column] += factor * weightRow[column];
                }
            }
        }

        return output;
    }
}
