namespace Attention.Comparison.Contenders.Onnx;

/// <summary>An ONNX model of a single operator, as the bytes of its file.</summary>
/// <remarks>The field numbers are those of onnx.proto.</remarks>
internal static class OnnxModel
{
    private const int IrVersion = 10;
    private const int OperatorSet = 23;
    private const int FloatAttribute = 1;
    private const int IntegerAttribute = 2;

    /// <summary>The domain of the operators that ONNX Runtime adds to the standard.</summary>
    internal const string MicrosoftDomain = "com.microsoft";

    /// <summary>Builds the model. A null in <paramref name="inputs"/> is an optional input left out.</summary>
    internal static byte[] Create(
        string domain,
        string operation,
        IEnumerable<(string Name, object Value)> attributes,
        IEnumerable<OnnxTensor?> inputs,
        IEnumerable<OnnxTensor> outputs)
    {
        var node = new ProtobufWriter();
        var graph = new ProtobufWriter();
        foreach (OnnxTensor? input in inputs)
        {
            node.Text(1, input?.Name ?? string.Empty);
        }

        foreach (OnnxTensor output in outputs)
        {
            node.Text(2, output.Name);
        }

        node.Text(4, operation);
        foreach ((string name, object value) in attributes)
        {
            node.Message(5, Attribute(name, value));
        }

        node.Text(7, domain);
        graph.Message(1, node).Text(2, operation);
        foreach (OnnxTensor input in inputs.OfType<OnnxTensor>())
        {
            graph.Message(11, Declaration(input));
        }

        foreach (OnnxTensor output in outputs)
        {
            graph.Message(12, Declaration(output));
        }

        return new ProtobufWriter()
            .Number(1, IrVersion)
            .Message(7, graph)
            .Message(8, new ProtobufWriter().Text(1, string.Empty).Number(2, OperatorSet))
            .Message(8, new ProtobufWriter().Text(1, MicrosoftDomain).Number(2, 1))
            .ToArray();
    }

    private static ProtobufWriter Attribute(string name, object value) => value is float number
        ? new ProtobufWriter().Text(1, name).Single(2, number).Number(20, FloatAttribute)
        : new ProtobufWriter().Text(1, name).Number(3, (int)value).Number(20, IntegerAttribute);

    private static ProtobufWriter Declaration(OnnxTensor tensor)
    {
        var shape = new ProtobufWriter();
        foreach (long length in tensor.Shape)
        {
            shape.Message(1, new ProtobufWriter().Number(1, length));
        }

        ProtobufWriter type = new ProtobufWriter().Number(1, (int)tensor.ElementType).Message(2, shape);
        return new ProtobufWriter().Text(1, tensor.Name).Message(2, new ProtobufWriter().Message(1, type));
    }
}
