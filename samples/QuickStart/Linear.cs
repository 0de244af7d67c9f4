using System.Numerics.Tensors;
using Attention.Gemm;

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
            _bias.CopyTo(output.AsSpan(row * outputSize));
        }

        // With a beta of 1 the product is added to the bias that is already there.
        MatrixProduct.Multiply(
            new ReadOnlyTensorSpan<float>(input, [rows, inputSize]),
            new ReadOnlyTensorSpan<float>(_weight, [inputSize, outputSize]),
            new TensorSpan<float>(output, [rows, outputSize]),
            beta: 1f);
        return output;
    }
}
