using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace QuickStart;

/// <summary>
/// The float tensors of a safetensors file: eight bytes with the length of a JSON header, the header (name, type, shape and
/// place of each tensor), then the numbers, little-endian.
/// </summary>
internal sealed class SafetensorsFile
{
    private readonly byte[] _content;
    private readonly Dictionary<string, Entry> _entries = [];

    private SafetensorsFile(byte[] content, int headerLength)
    {
        _content = content;
        int dataStart = sizeof(long) + headerLength;
        using JsonDocument header = JsonDocument.Parse(content.AsMemory(sizeof(long), headerLength));
        foreach (JsonProperty property in header.RootElement.EnumerateObject())
        {
            if (property.Name == "__metadata__")
            {
                continue;
            }

            JsonElement description = property.Value;
            if (description.GetProperty("dtype").GetString() != "F32")
            {
                throw new InvalidDataException($"'{property.Name}' is not of type F32.");
            }

            int[] shape = [.. description.GetProperty("shape").EnumerateArray().Select(length => length.GetInt32())];
            JsonElement offsets = description.GetProperty("data_offsets");
            int start = offsets[0].GetInt32();
            int end = offsets[1].GetInt32();
            if (end - start != sizeof(float) * shape.Aggregate(1, (product, length) => product * length))
            {
                throw new InvalidDataException($"'{property.Name}' has {end - start} bytes, which its shape does not.");
            }

            _entries.Add(property.Name, new Entry(shape, dataStart + start, end - start));
        }
    }

    internal static SafetensorsFile Read(string path)
    {
        byte[] content = File.ReadAllBytes(path);
        long headerLength = content.Length < sizeof(long) ? -1 : BinaryPrimitives.ReadInt64LittleEndian(content);
        if (headerLength < 0 || headerLength > content.Length - sizeof(long))
        {
            throw new InvalidDataException($"'{path}' is not a safetensors file.");
        }

        return new SafetensorsFile(content, (int)headerLength);
    }

    /// <summary>The numbers of a tensor, row-major, after checking that it has the expected shape.</summary>
    internal float[] Floats(string name, params ReadOnlySpan<int> shape)
    {
        if (!_entries.TryGetValue(name, out Entry? entry))
        {
            throw new KeyNotFoundException($"The file has no tensor '{name}'.");
        }

        if (!shape.SequenceEqual(entry.Shape))
        {
            throw new InvalidDataException(
                $"'{name}' has shape [{string.Join(", ", entry.Shape)}]; expected [{string.Join(", ", shape.ToArray())}].");
        }

        return MemoryMarshal.Cast<byte, float>(_content.AsSpan(entry.Start, entry.Length)).ToArray();
    }

    private sealed record Entry(int[] Shape, int Start, int Length);
}
