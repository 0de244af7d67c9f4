using System.Text.Json;

namespace Attention.Tests.Conformance;

/// <summary>One file: an operator, its inputs and attributes, and the outputs to be found.</summary>
internal sealed class ConformanceCase
{
    private ConformanceCase(JsonElement root)
    {
        Name = root.GetProperty("name").GetString()!;
        Operator = root.GetProperty("operator").GetString()!;
        Attributes = root.GetProperty("attributes").EnumerateObject()
            .Where(attribute => attribute.Value.ValueKind == JsonValueKind.Number)
            .ToDictionary(attribute => attribute.Name, attribute => attribute.Value.GetDouble());
        Inputs = Read(root.GetProperty("inputs"));
        Outputs = Read(root.GetProperty("outputs"));
    }

    public string Name { get; }

    public string Operator { get; }

    public IReadOnlyDictionary<string, double> Attributes { get; }

    public IReadOnlyDictionary<string, ConformanceTensor> Inputs { get; }

    public IReadOnlyDictionary<string, ConformanceTensor> Outputs { get; }

    public static ConformanceCase Load(string path)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(path));
        return new ConformanceCase(document.RootElement);
    }

    public int Integer(string attribute, int otherwise) =>
        Attributes.TryGetValue(attribute, out double value) ? (int)value : otherwise;

    private static Dictionary<string, ConformanceTensor> Read(JsonElement tensors) =>
        tensors.EnumerateObject().ToDictionary(tensor => tensor.Name, tensor => ConformanceTensor.Read(tensor.Value));
}
