using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>A named input or output with its memory, which the session reads and writes in place.</summary>
internal sealed class OnnxTensor
{
    private OnnxTensor(string name, Array data, TensorElementType elementType, long[] shape, OrtValue value)
    {
        Name = name;
        Data = data;
        ElementType = elementType;
        Shape = shape;
        Value = value;
    }

    internal string Name { get; }

    internal Array Data { get; }

    internal TensorElementType ElementType { get; }

    internal long[] Shape { get; }

    internal OrtValue Value { get; }

    internal static OnnxTensor Floats(string name, float[] data, params long[] shape) =>
        new(name, data, TensorElementType.Float, shape, OrtValue.CreateTensorValueFromMemory(data, shape));

    internal static OnnxTensor Integers(string name, int[] data, params long[] shape) =>
        new(name, data, TensorElementType.Int32, shape, OrtValue.CreateTensorValueFromMemory(data, shape));

    /// <summary>An output of that shape.</summary>
    internal static OnnxTensor Room(string name, params long[] shape) =>
        Floats(name, new float[shape.Aggregate((a, b) => a * b)], shape);

    /// <summary>The same memory under another name: an operator that extends its input in place.</summary>
    internal OnnxTensor As(string name) => new(name, Data, ElementType, Shape, Value);
}
