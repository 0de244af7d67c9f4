using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Tests.Layers;

public sealed class SafetensorsWriterTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_bytes_are_those_of_the_format()
    {
        SafetensorsWriter writer = new();
        writer.Add("b", [2], new[] { 1f, -2f });
        writer.Add("a", [], new[] { 0.5f });
        writer.AddMetadata("y", "2");
        writer.AddMetadata("x", "1");
        using MemoryStream stream = new();
        writer.Write(stream);

        const string Header = """{"__metadata__":{"x":"1","y":"2"},"a":{"dtype":"F32","shape":[],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""";
        string padded = Header.PadRight((Header.Length + 7) / 8 * 8);
        padded.Should().NotBe(Header, "this case is to show the padding");
        stream.ToArray().Should().Equal(
            SafetensorsBytes.File(padded, 0, 0, 0, 0x3F, 0, 0, 0x80, 0x3F, 0, 0, 0, 0xC0));
    }

    [Fact]
    public void The_order_of_adding_does_not_matter()
    {
        (string Name, float[] Values)[] tensors = [.. Enumerable.Range(0, 20).Select(i => ($"layer.{i * 7 % 20}", new float[] { i, i * i }))];
        Write(tensors).Should().Equal(Write([.. tensors.Reverse()]));
    }

    /// <summary>Numbers begin at a multiple of eight bytes whatever the length of the header, as read without this library.</summary>
    [Fact]
    public void Every_header_is_aligned_and_JSON()
    {
        for (int length = 0; length < 17; length++)
        {
            string name = new('n', length);
            byte[] content = Write([(name, [3f, float.NaN])]);
            long header = BinaryPrimitives.ReadInt64LittleEndian(content);
            (header % 8).Should().Be(0);
            content[8].Should().Be((byte)'{');
            using JsonDocument json = JsonDocument.Parse(content.AsMemory(8, (int)header));
            JsonElement tensor = json.RootElement.GetProperty(name);
            tensor.GetProperty("dtype").GetString().Should().Be("F32");
            tensor.GetProperty("shape").EnumerateArray().Select(axis => axis.GetInt32()).Should().Equal(2);
            tensor.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt32()).Should().Equal(0, 8);
            BinaryPrimitives.ReadSingleLittleEndian(content.AsSpan(8 + (int)header)).Should().Be(3f);
            content.Length.Should().Be(8 + (int)header + 8);
        }
    }

    [Fact]
    public void What_was_written_is_read_to_the_bit()
    {
        const int Large = (1 << 20) + 5;
        float[] large = new float[Large];
        for (int i = 0; i < Large; i++)
        {
            large[i] = BitConverter.UInt32BitsToSingle((uint)i * 0x9E3779B9u);
        }

        float[] special = [float.NaN, float.NegativeInfinity, -0f, float.Epsilon, float.MaxValue, 1f];
        SafetensorsWriter writer = new();
        writer.Add("large", [Large], large);
        writer.Add("größe \"1\"\n\\+", [1, 3, 2], special);
        writer.Add("empty", [4, 0, 2], ReadOnlyMemory<float>.Empty);
        writer.Add("", [], new[] { 9f });
        writer.AddMetadata("note", "ä \"quoted\" 😀");
        string path = _folder.File("all.safetensors");
        writer.Save(path);

        using SafetensorsFile file = SafetensorsFile.Open(path);
        file.Tensors.Select(tensor => tensor.Name).Should().BeEquivalentTo("large", "größe \"1\"\n\\+", "empty", "");
        Tolerance.SameBits("large", file.ReadArray("large", Large), large);
        Tolerance.SameBits("special", file.ReadArray("größe \"1\"\n\\+", 1, 3, 2), special);
        file.ReadArray("empty", 4, 0, 2).Should().BeEmpty();
        file.ReadArray("").Should().Equal(9f);
        file.Metadata["note"].Should().Be("ä \"quoted\" 😀");
    }

    [Fact]
    public void The_numbers_are_those_of_the_moment_of_writing()
    {
        float[] values = [1f];
        SafetensorsWriter writer = new();
        writer.Add("a", [1], values);
        values[0] = 2f;
        string path = _folder.File("later.safetensors");
        writer.Save(path);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        file.ReadArray("a", 1).Should().Equal(2f);
    }

    [Fact]
    public void Saving_replaces_a_file_and_leaves_nothing_else()
    {
        string path = _folder.File("twice.safetensors");
        File.WriteAllText(path, "what was there before, and is much longer than what comes");
        SafetensorsWriter writer = new();
        writer.Add("a", [1], new[] { 1f });
        writer.Save(path);
        writer.Save(path);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        file.ReadArray("a", 1).Should().Equal(1f);
        Directory.GetFiles(_folder.Path).Should().Equal(path);
    }

    /// <summary>A target that cannot be replaced, for it is a folder: it stays, and the temporary file goes.</summary>
    [Fact]
    public void Saving_that_fails_leaves_all_as_it_was()
    {
        string path = _folder.File("taken");
        Directory.CreateDirectory(path);
        SafetensorsWriter writer = new();
        writer.Add("a", [1], new[] { 1f });
        Action act = () => writer.Save(path);
        act.Should().Throw<Exception>().Which.Should().Match(thrown => thrown is IOException || thrown is UnauthorizedAccessException);
        Directory.GetFileSystemEntries(_folder.Path).Should().Equal(path);

        Action nowhere = () => writer.Save(_folder.File("missing/file"));
        nowhere.Should().Throw<DirectoryNotFoundException>();
    }

    [Fact]
    public void Bad_input_is_refused_by_name()
    {
        SafetensorsWriter writer = new();
        writer.Add("a", [2], new float[2]);
        writer.AddMetadata("k", "v");
        (string Parameter, Action Call)[] calls =
        [
            ("name", () => writer.Add(null!, [2], new float[2])),
            ("name", () => writer.Add("a", [2], new float[2])),
            ("name", () => writer.Add("__metadata__", [2], new float[2])),
            ("name", () => writer.Add("\ud800", [2], new float[2])),
            ("shape", () => writer.Add("b", [-1, -2], new float[2])),
            ("values", () => writer.Add("b", [2], new float[3])),
            ("values", () => writer.Add("b", [], new float[2])),
            ("values", () => writer.Add("b", [nint.MaxValue, nint.MaxValue, 2], new float[2])),
            ("key", () => writer.AddMetadata(null!, "")),
            ("key", () => writer.AddMetadata("k", "")),
            ("key", () => writer.AddMetadata("\udc00", "")),
            ("value", () => writer.AddMetadata("l", null!)),
            ("value", () => writer.AddMetadata("l", "\ud800")),
            ("path", () => writer.Save("")),
            ("path", () => writer.Save(null!)),
            ("destination", () => writer.Write(null!)),
        ];
        foreach ((string parameter, Action call) in calls)
        {
            call.Should().Throw<ArgumentException>().Which.ParamName.Should().Be(parameter);
        }

        using MemoryStream stream = new();
        writer.Write(stream);
        Encoding.UTF8.GetString(stream.ToArray()).Should().Contain("\"a\"").And.NotContain("\"b\"").And.NotContain("\"l\"");
    }

    private static byte[] Write((string Name, float[] Values)[] tensors)
    {
        SafetensorsWriter writer = new();
        foreach ((string name, float[] values) in tensors)
        {
            writer.Add(name, [values.Length], values);
        }

        using MemoryStream stream = new();
        writer.Write(stream);
        return stream.ToArray();
    }
}
