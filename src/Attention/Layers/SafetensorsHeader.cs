using System.Text.Json;

namespace Attention.Layers;

/// <summary>
/// The header of a safetensors file, read and checked: a JSON object of tensors (<c>dtype</c>, <c>shape</c>,
/// <c>data_offsets</c>) and, as <c>__metadata__</c>, of free text.
/// </summary>
internal sealed class SafetensorsHeader
{
    /// <summary>The key under which a file keeps text that is no tensor.</summary>
    internal const string MetadataKey = "__metadata__";

    /// <summary>The longest header that the format allows; what claims to be longer is some other kind of file.</summary>
    internal const long LongestHeader = 100_000_000;

    private readonly string _path;
    private readonly long _dataLength;

    private SafetensorsHeader(string path, long dataLength)
    {
        _path = path;
        _dataLength = dataLength;
    }

    internal Dictionary<string, SafetensorsTensor> Tensors { get; } = new(StringComparer.Ordinal);

    internal Dictionary<string, string> Metadata { get; } = new(StringComparer.Ordinal);

    /// <summary>In the order of their numbers in the file.</summary>
    internal SafetensorsTensor[] Ordered { get; private set; } = [];

    /// <summary>Reads and checks a header.</summary>
    /// <param name="json">The header without its length.</param>
    /// <param name="dataLength">How many bytes of the file follow it.</param>
    /// <param name="path">What messages call the file.</param>
    /// <returns>The header.</returns>
    /// <exception cref="InvalidDataException">It breaks a rule of the format.</exception>
    internal static SafetensorsHeader Parse(ReadOnlySpan<byte> json, long dataLength, string path)
    {
        SafetensorsHeader header = new(path, dataLength);
        try
        {
            header.Parse(json);
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            // The reader throws the second where a string is not Unicode.
            throw new InvalidDataException($"'{path}': the header is not JSON: {exception.Message}", exception);
        }

        header.Order();
        return header;
    }

    private void Parse(ReadOnlySpan<byte> json)
    {
        Utf8JsonReader reader = new(json);
        if (json.IsEmpty || json[0] != '{' || !reader.Read())
        {
            throw new InvalidDataException($"'{_path}': the header does not begin with '{{'.");
        }

        bool metadataSeen = false;
        while (NextName(ref reader, out string name))
        {
            if (name != MetadataKey)
            {
                SafetensorsTensor tensor = Tensor(ref reader, name);
                if (!Tensors.TryAdd(name, tensor))
                {
                    throw Broken(name, "is there twice");
                }
            }
            else if (metadataSeen)
            {
                throw new InvalidDataException($"'{_path}': '{MetadataKey}' is there twice.");
            }
            else
            {
                metadataSeen = true;
                ReadMetadata(ref reader);
            }
        }

        // Throws if anything but white space follows.
        reader.Read();
    }

    private void ReadMetadata(ref Utf8JsonReader reader)
    {
        Expect(ref reader, JsonTokenType.StartObject, MetadataKey, "is not an object");
        while (NextName(ref reader, out string key))
        {
            Expect(ref reader, JsonTokenType.String, MetadataKey, $"has '{key}', which is not text");
            if (!Metadata.TryAdd(key, reader.GetString()!))
            {
                throw Broken(MetadataKey, $"has '{key}' twice");
            }
        }
    }

    private SafetensorsTensor Tensor(ref Utf8JsonReader reader, string name)
    {
        string? elementType = null;
        nint[]? shape = null;
        long[]? offsets = null;
        Expect(ref reader, JsonTokenType.StartObject, name, "is not described by an object");
        while (NextName(ref reader, out string key))
        {
            if (key == "dtype" && elementType is null)
            {
                Expect(ref reader, JsonTokenType.String, name, "has a 'dtype' that is not text");
                elementType = reader.GetString()!;
            }
            else if (key == "shape" && shape is null)
            {
                shape = [.. Numbers(ref reader, name, key, nint.MaxValue).Select(length => (nint)length)];
            }
            else if (key == "data_offsets" && offsets is null)
            {
                offsets = [.. Numbers(ref reader, name, key, long.MaxValue)];
            }
            else if (key is "dtype" or "shape" or "data_offsets")
            {
                throw Broken(name, $"has '{key}' twice");
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }

        if (elementType is null || shape is null || offsets is null)
        {
            string missing = elementType is null ? "dtype" : shape is null ? "shape" : "data_offsets";
            throw Broken(name, $"has no '{missing}'");
        }

        return Check(name, elementType, shape, offsets);
    }

    /// <summary>What can be said of one tensor alone: its place lies in the file, and has as many bytes as its shape.</summary>
    private SafetensorsTensor Check(string name, string elementType, nint[] shape, long[] offsets)
    {
        if (offsets.Length != 2 || offsets[0] > offsets[1])
        {
            throw Broken(name, $"has data_offsets [{string.Join(", ", offsets)}]; expected a start and an end that is not before it");
        }

        (long start, long end) = (offsets[0], offsets[1]);
        if (end > _dataLength)
        {
            throw Broken(name, $"has data_offsets [{start}, {end}], but only {_dataLength} bytes follow the header; the file may be truncated");
        }

        // The product of a broken header's lengths knows no bounds, so it stops growing where no tensor can be that large; a
        // length of 0 still makes it 0.
        Int128 count = 1;
        foreach (nint length in shape)
        {
            count = Int128.Min(count * length, Int128.One << 63);
        }

        int bits = SafetensorsTypes.Bits(elementType);
        if (count > long.MaxValue || (bits != 0 && count * bits != (Int128)(end - start) * 8))
        {
            throw Broken(name, $"is {elementType} {Guard.Text(shape)}, which does not take the {end - start} bytes of data_offsets [{start}, {end}]");
        }

        return new SafetensorsTensor(name, elementType, shape, (long)count, start, end);
    }

    /// <summary>What can be said of all tensors together: they fill the file, without overlap or gap.</summary>
    private void Order()
    {
        Ordered = [.. Tensors.Values.OrderBy(tensor => tensor.Start).ThenBy(tensor => tensor.End).ThenBy(tensor => tensor.Name, StringComparer.Ordinal)];
        long end = 0;
        string before = "the header";
        foreach (SafetensorsTensor tensor in Ordered)
        {
            if (tensor.Start != end)
            {
                throw Broken(
                    tensor.Name,
                    $"begins at byte {tensor.Start}, {(tensor.Start < end ? "inside of" : "with a gap after")} {before}, which ends at {end}");
            }

            end = tensor.End;
            before = $"'{tensor.Name}'";
        }

        if (end != _dataLength)
        {
            throw new InvalidDataException($"'{_path}': {_dataLength - end} bytes at the end belong to no tensor; the last one is {before}.");
        }
    }

    private List<long> Numbers(ref Utf8JsonReader reader, string name, string key, long largest)
    {
        List<long> numbers = [];
        Expect(ref reader, JsonTokenType.StartArray, name, $"has a '{key}' that is not an array");
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            if (reader.TokenType != JsonTokenType.Number || !reader.TryGetInt64(out long number) || number < 0 || number > largest)
            {
                throw Broken(name, $"has a '{key}' with an entry that is not a whole number from 0 to {largest}");
            }

            numbers.Add(number);
        }

        return numbers;
    }

    /// <summary>Moves on to the next property of an object; false at its end.</summary>
    private static bool NextName(ref Utf8JsonReader reader, out string name)
    {
        reader.Read();
        bool found = reader.TokenType == JsonTokenType.PropertyName;
        name = found ? reader.GetString()! : "";
        return found;
    }

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string name, string otherwise)
    {
        reader.Read();
        if (reader.TokenType != type)
        {
            throw Broken(name, otherwise);
        }
    }

    private InvalidDataException Broken(string name, string what) => new($"'{_path}': '{name}' {what}.");
}
