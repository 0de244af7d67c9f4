using Attention.Autodiff;
using Attention.Backends;

namespace Attention.Layers;

/// <summary>Parameters to and from safetensors files.</summary>
internal static class Checkpoint
{
    internal static void Save(IEnumerable<KeyValuePair<string, Parameter>> parameters, string path)
    {
        var writer = new SafetensorsWriter();
        foreach ((string name, Parameter parameter) in parameters)
        {
            writer.Add(name, parameter.Data.Lengths, parameter.Data.ToArray());
        }

        writer.Save(path);
    }

    /// <summary>All or nothing: whatever does not fit is found before the first parameter changes.</summary>
    internal static void Load(IEnumerable<KeyValuePair<string, Parameter>> parameters, string path, string prefix)
    {
        ArgumentNullException.ThrowIfNull(prefix);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Dictionary<string, Parameter> wanted = parameters.ToDictionary(entry => prefix + entry.Key, entry => entry.Value);
        Check(file, path, wanted, prefix);
        var values = new Dictionary<Parameter, float[]>();
        foreach ((string name, Parameter parameter) in wanted)
        {
            // A parameter that layers share has several names, which must mean the same numbers.
            float[] numbers = file.ReadArray(name, parameter.Data.Lengths);
            if (!values.TryAdd(parameter, numbers) && !values[parameter].AsSpan().SequenceEqual(numbers))
            {
                throw new InvalidDataException($"'{path}' does not fit: '{name}' is shared by layers, and has other numbers under another name.");
            }
        }

        foreach ((Parameter parameter, float[] numbers) in values)
        {
            parameter.Data.Backend.Upload(numbers, parameter.Data);
        }
    }

    private static void Check(SafetensorsFile file, string path, Dictionary<string, Parameter> wanted, string prefix)
    {
        var problems = new List<string>();
        foreach ((string name, Parameter parameter) in wanted.OrderBy(entry => entry.Key, StringComparer.Ordinal))
        {
            if (!file.TryGetTensor(name, out SafetensorsTensor? tensor))
            {
                problems.Add($"'{name}' is missing, expected {Shapes.Text(parameter.Data.Lengths)}");
            }
            else if (!tensor.Shape.SequenceEqual(parameter.Data.Lengths))
            {
                problems.Add($"'{name}' has shape {Shapes.Text(tensor.Shape)}, expected {Shapes.Text(parameter.Data.Lengths)}");
            }
        }

        problems.AddRange(
            from tensor in file.Tensors
            where tensor.Name.StartsWith(prefix, StringComparison.Ordinal) && !wanted.ContainsKey(tensor.Name)
            select $"'{tensor.Name}' {Shapes.Text(tensor.Shape)} is unknown to the layer");
        if (problems.Count > 0)
        {
            throw new InvalidDataException($"'{path}' does not fit: {string.Join("; ", problems)}.");
        }
    }
}
