using System.Buffers;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;

namespace Attention.Layers;

/// <summary>
/// Collects tensors and writes them as a safetensors file of type F32, which <see cref="SafetensorsFile"/> and every other
/// implementation of the format reads.
/// </summary>
/// <remarks>
/// The same tensors and metadata give the same bytes: names stand in ordinal order, and the header is padded with spaces so
/// that the numbers begin at a multiple of eight bytes. The format: https://github.com/huggingface/safetensors
/// </remarks>
public sealed class SafetensorsWriter
{
    private const int Alignment = 8;

    /// <summary>Floats written at once: far fewer than the bytes of which overflow the length of a span.</summary>
    private const int FloatsAtOnce = 1 << 20;

    /// <summary>Throws on text that is not Unicode, which JSON could not carry.</summary>
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly SortedDictionary<string, Entry> _entries = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, string> _metadata = new(StringComparer.Ordinal);

    /// <summary>Adds a tensor.</summary>
    /// <param name="name">Its name; each may be used once.</param>
    /// <param name="shape">The length of each axis; empty for a single number.</param>
    /// <param name="values">
    /// Its numbers, row-major. They are not copied: what they hold when the file is written is what it gets.
    /// </param>
    /// <exception cref="ArgumentNullException"><paramref name="name"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// <paramref name="name"/> was added before, is <c>__metadata__</c>, or is not valid Unicode; <paramref name="shape"/> has a
    /// negative length; or <paramref name="values"/> has not as many elements as the shape.
    /// </exception>
    public void Add(string name, ReadOnlySpan<nint> shape, ReadOnlyMemory<float> values)
    {
        CheckText(name, nameof(name));
        if (name == SafetensorsHeader.MetadataKey)
        {
            Throw.Argument(nameof(name), $"'{nameof(name)}' is '{name}', which the format keeps for metadata.");
        }

        if (_entries.ContainsKey(name))
        {
            Throw.Argument(nameof(name), $"'{nameof(name)}' is '{name}', which was added before.");
        }

        CheckShape(shape, values.Length);
        _entries.Add(name, new Entry(shape.ToArray(), values));
    }

    /// <summary>Adds text that the file carries beside its tensors.</summary>
    /// <param name="key">What it is called; each may be used once.</param>
    /// <param name="value">The text.</param>
    /// <exception cref="ArgumentNullException"><paramref name="key"/> or <paramref name="value"/> is null.</exception>
    /// <exception cref="ArgumentException">
    /// <paramref name="key"/> was added before, or it or <paramref name="value"/> is not valid Unicode.
    /// </exception>
    public void AddMetadata(string key, string value)
    {
        CheckText(key, nameof(key));
        CheckText(value, nameof(value));
        if (!_metadata.TryAdd(key, value))
        {
            Throw.Argument(nameof(key), $"'{nameof(key)}' is '{key}', which was added before.");
        }
    }

    /// <summary>
    /// Writes the file. What <paramref name="path"/> held is replaced at once when all is written, and stays whole if
    /// writing fails.
    /// </summary>
    /// <param name="path">The file; its folder must exist, and gets a temporary file while writing.</param>
    /// <exception cref="ArgumentException"><paramref name="path"/> is null or empty.</exception>
    /// <exception cref="InvalidOperationException">The header would be longer than the format allows.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);

        // In the same folder, for a file is moved at once only within a volume.
        string temporary = $"{path}.{Path.GetRandomFileName()}.tmp";
        try
        {
            using (FileStream stream = new(temporary, FileMode.CreateNew, FileAccess.Write))
            {
                Write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch
        {
            File.Delete(temporary);
            throw;
        }
    }

    /// <summary>Writes what <see cref="Save"/> puts into a file.</summary>
    /// <param name="destination">Receives the bytes.</param>
    /// <exception cref="ArgumentNullException"><paramref name="destination"/> is null.</exception>
    /// <exception cref="InvalidOperationException">The header would be longer than the format allows.</exception>
    /// <exception cref="IOException">The stream cannot be written.</exception>
    public void Write(Stream destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        ReadOnlySpan<byte> header = Header().WrittenSpan;
        int padding = (Alignment - (header.Length % Alignment)) % Alignment;
        if (header.Length + padding > SafetensorsHeader.LongestHeader)
        {
            throw new InvalidOperationException(
                $"The header would have {header.Length} bytes; the format allows {SafetensorsHeader.LongestHeader}. Use fewer tensors or less metadata.");
        }

        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)(header.Length + padding));
        destination.Write(prefix);
        destination.Write(header);
        destination.Write("       "u8[..padding]);
        foreach (Entry entry in _entries.Values)
        {
            WriteValues(destination, entry.Values.Span);
        }
    }

    private ArrayBufferWriter<byte> Header()
    {
        ArrayBufferWriter<byte> header = new();
        using Utf8JsonWriter json = new(header);
        json.WriteStartObject();
        if (_metadata.Count > 0)
        {
            json.WriteStartObject(SafetensorsHeader.MetadataKey);
            foreach ((string key, string value) in _metadata)
            {
                json.WriteString(key, value);
            }

            json.WriteEndObject();
        }

        long start = 0;
        foreach ((string name, Entry entry) in _entries)
        {
            long end = start + ((long)entry.Values.Length * sizeof(float));
            json.WriteStartObject(name);
            json.WriteString("dtype", SafetensorsTypes.Single);
            json.WriteStartArray("shape");
            foreach (nint length in entry.Shape)
            {
                json.WriteNumberValue(length);
            }

            json.WriteEndArray();
            json.WriteStartArray("data_offsets");
            json.WriteNumberValue(start);
            json.WriteNumberValue(end);
            json.WriteEndArray();
            json.WriteEndObject();
            start = end;
        }

        json.WriteEndObject();
        json.Flush();
        return header;
    }

    private static void WriteValues(Stream destination, ReadOnlySpan<float> values)
    {
        while (!values.IsEmpty)
        {
            ReadOnlySpan<float> now = values[..Math.Min(values.Length, FloatsAtOnce)];
            if (BitConverter.IsLittleEndian)
            {
                destination.Write(MemoryMarshal.AsBytes(now));
            }
            else
            {
                uint[] words = new uint[now.Length];
                BinaryPrimitives.ReverseEndianness(MemoryMarshal.Cast<float, uint>(now), words);
                destination.Write(MemoryMarshal.AsBytes<uint>(words));
            }

            values = values[now.Length..];
        }
    }

    private static void CheckText(string text, string parameter)
    {
        ArgumentNullException.ThrowIfNull(text, parameter);
        try
        {
            s_strict.GetByteCount(text);
        }
        catch (EncoderFallbackException exception)
        {
            throw new ArgumentException($"'{parameter}' is not valid Unicode: half of a surrogate pair is missing.", parameter, exception);
        }
    }

    private static void CheckShape(ReadOnlySpan<nint> shape, int count)
    {
        Int128 product = 1;
        foreach (nint length in shape)
        {
            if (length < 0)
            {
                Throw.Argument(nameof(shape), $"'{nameof(shape)}' is {Guard.Text(shape)}; a length may not be negative.");
            }

            product = Int128.Min(product * length, long.MaxValue);
        }

        if (product != count)
        {
            Throw.Argument("values", $"'values' has {count} elements; expected {product}, for the shape is {Guard.Text(shape)}.");
        }
    }

    private sealed record Entry(nint[] Shape, ReadOnlyMemory<float> Values);
}
