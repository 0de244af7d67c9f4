using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Attention.Layers;
using Attention.TestKit;

namespace Attention.Tests.Layers;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Names_shapes_and_metadata_are_those_of_the_header()
    {
        string header = $"{{\"__metadata__\":{{\"format\":\"pt\",\"grüße\":\"\"}},{SafetensorsBytes.Tensor("b", "F32", "[2,1]", 4, 12)},"
            + $"{SafetensorsBytes.Tensor("a.ü", "F32", "[]", 0, 4)},{SafetensorsBytes.Tensor("empty", "I64", "[3,0]", 12, 12)}}}   ";
        using SafetensorsFile file = Open(SafetensorsBytes.File(header, new byte[12]));

        file.Tensors.Select(tensor => tensor.Name).Should().Equal("a.ü", "b", "empty");
        file.Tensors.Select(tensor => tensor.ToString()).Should().Equal("a.ü: F32 []", "b: F32 [2, 1]", "empty: I64 [3, 0]");
        file.Tensors.Select(tensor => tensor.ElementCount).Should().Equal(1, 2, 0);
        file.Tensors.Select(tensor => tensor.IsReadable).Should().Equal(true, true, false);
        file.Metadata.Should().Equal(new Dictionary<string, string> { ["format"] = "pt", ["grüße"] = "" });
        file.TryGetTensor("b", out SafetensorsTensor? found).Should().BeTrue();
        found.Should().BeSameAs(file.Tensors[1]);
        file.TryGetTensor("c", out _).Should().BeFalse();
    }

    [Fact]
    public void A_file_without_tensors_is_a_file()
    {
        using SafetensorsFile file = Open(SafetensorsBytes.File("{}"));
        file.Tensors.Should().BeEmpty();
        file.Metadata.Should().BeEmpty();
    }

    [Fact]
    public void A_property_that_the_format_does_not_know_is_passed_over()
    {
        const string Header = """{"a":{"later":{"x":[1,{}]},"shape":[1],"dtype":"F32","data_offsets":[0,4]}}""";
        using SafetensorsFile file = Open(SafetensorsBytes.File(Header, 0, 0, 0x80, 0x3F));
        file.ReadArray("a", 1).Should().Equal(1f);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4095)]
    [InlineData(4096)]
    [InlineData(4097)]
    [InlineData(10007)]
    public void Every_readable_type_gives_the_floats_it_stands_for(int count)
    {
        // All upper halves of floats and all halves, NaN and infinity among them, with something before them in the file.
        byte[] data = new byte[3 + (count * 8)];
        Span<byte> wide = data.AsSpan(3, count * 4);
        Span<byte> half = data.AsSpan(3 + (count * 4), count * 2);
        Span<byte> brain = data.AsSpan(3 + (count * 6));
        float[] expectedWide = new float[count];
        float[] expectedHalf = new float[count];
        float[] expectedBrain = new float[count];
        for (int i = 0; i < count; i++)
        {
            ushort word = (ushort)(i * 13);
            expectedWide[i] = BitConverter.UInt32BitsToSingle((uint)i * 0x01234567u);
            expectedHalf[i] = (float)BitConverter.UInt16BitsToHalf(word);
            expectedBrain[i] = BitConverter.UInt32BitsToSingle((uint)word << 16);
            BinaryPrimitives.WriteUInt32LittleEndian(wide[(4 * i)..], (uint)i * 0x01234567u);
            BinaryPrimitives.WriteUInt16LittleEndian(half[(2 * i)..], word);
            BinaryPrimitives.WriteUInt16LittleEndian(brain[(2 * i)..], word);
        }

        string header = $"{{{SafetensorsBytes.Tensor("first", "U8", "[3]", 0, 3)},"
            + $"{SafetensorsBytes.Tensor("wide", "F32", $"[{count}]", 3, 3 + (count * 4))},"
            + $"{SafetensorsBytes.Tensor("half", "F16", $"[{count}]", 3 + (count * 4), 3 + (count * 6))},"
            + $"{SafetensorsBytes.Tensor("brain", "BF16", $"[{count}]", 3 + (count * 6), data.Length)}}}";
        using SafetensorsFile file = Open(SafetensorsBytes.File(header, data));
        using GuardedBuffer destination = new(count);
        file.Read("wide", destination.Span);
        Tolerance.SameBits("F32", destination.Span, expectedWide);
        file.Read("half", destination.Span);
        Tolerance.SameBits("F16", destination.Span, expectedHalf);
        file.Read("brain", destination.Span);
        Tolerance.SameBits("BF16", destination.Span, expectedBrain);
    }

    [Fact]
    public void A_tensor_longer_than_one_read_is_whole()
    {
        const int Count = (1 << 22) + 3;
        string path = _folder.File("large");
        float[] numbers = new float[Count];
        for (int i = 0; i < Count; i++)
        {
            numbers[i] = i;
        }

        byte[] start = SafetensorsBytes.File($"{{{SafetensorsBytes.Tensor("a", "F32", $"[{Count}]", 0, 4L * Count)}}}");
        File.WriteAllBytes(path, [.. start, .. MemoryMarshal.AsBytes(numbers.AsSpan())]);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Tolerance.SameBits("a", file.ReadArray("a", Count), numbers);
    }

    [Fact]
    public void A_name_that_is_not_there_is_refused()
    {
        using SafetensorsFile file = OpenSmall();
        Action[] calls =
        [
            () => file.Read("c", new float[2]), () => file.CheckShape("c", 2), () => file.ReadArray("c", 2), () => file.Read(null!, []),
        ];
        foreach (Action call in calls)
        {
            call.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("name");
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_destination_of_another_length_is_refused_and_not_written(int length)
    {
        using SafetensorsFile file = OpenSmall();
        float[] destination = [7, 7, 7];
        Action act = () => file.Read("a", destination.AsSpan(0, length));
        act.Should().Throw<ArgumentException>().WithMessage("*'a'*[2]*").Which.ParamName.Should().Be("destination");
        destination.Should().OnlyContain(number => number == 7);
    }

    [Fact]
    public void Another_shape_is_refused_with_both()
    {
        using SafetensorsFile file = OpenSmall();
        file.CheckShape("a", 2);
        foreach (Action act in (Action[])[() => file.CheckShape("a", 1, 2), () => file.ReadArray("a", 1, 2)])
        {
            act.Should().Throw<InvalidDataException>().WithMessage("*'a' has shape [2]; expected [1, 2]*");
        }
    }

    [Theory]
    [InlineData("F64")]
    [InlineData("I64")]
    [InlineData("C64")]
    [InlineData("Q8_NEW")]
    public void Another_type_is_listed_and_not_read(string type)
    {
        using SafetensorsFile file = Open(SafetensorsBytes.File($"{{{SafetensorsBytes.Tensor("a", type, "[1]", 0, 8)}}}", new byte[8]));
        file.Tensors[0].IsReadable.Should().BeFalse();
        Action act = () => file.Read("a", new float[1]);
        act.Should().Throw<NotSupportedException>().WithMessage($"*'a' is of type {type};*");
    }

    [Fact]
    public void A_file_cut_after_opening_is_refused_by_tensor()
    {
        string path = _folder.File("cut");
        File.WriteAllBytes(path, SafetensorsBytes.File($"{{{SafetensorsBytes.Tensor("a", "F32", "[2]", 0, 8)}}}", new byte[8]));
        using SafetensorsFile file = SafetensorsFile.Open(path);
        using (FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.SetLength(stream.Length - 1);
        }

        Action act = () => file.Read("a", new float[2]);
        act.Should().Throw<InvalidDataException>().WithMessage("*'a'*");
    }

    [Fact]
    public void A_closed_file_says_so()
    {
        SafetensorsFile file = OpenSmall();
        file.Dispose();
        Action act = () => file.Read("a", new float[2]);
        act.Should().Throw<ObjectDisposedException>();
    }

    [Fact]
    public void A_path_that_is_none_is_refused()
    {
        foreach (string? path in (string?[])[null, ""])
        {
            Action act = () => SafetensorsFile.Open(path!);
            act.Should().Throw<ArgumentException>().Which.ParamName.Should().Be("path");
        }

        Action missing = () => SafetensorsFile.Open(_folder.File("missing"));
        missing.Should().Throw<FileNotFoundException>();
    }

    [Fact]
    public void Reading_allocates_nothing()
    {
        string header = $"{{{SafetensorsBytes.Tensor("a", "F32", "[2]", 0, 8)},{SafetensorsBytes.Tensor("b", "BF16", "[2]", 8, 12)}}}";
        using SafetensorsFile file = Open(SafetensorsBytes.File(header, new byte[12]));
        float[] destination = new float[2];
        long least = long.MaxValue;
        for (int attempt = 0; attempt < 20; attempt++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            file.Read("a", destination);
            file.Read("b", destination);
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        least.Should().Be(0);
    }

    [Fact]
    public void Threads_read_at_once()
    {
        const int Count = 50_000;
        SafetensorsWriter writer = new();
        float[][] tensors = [.. Enumerable.Range(0, 8).Select(tensor => Enumerable.Range(tensor, Count).Select(i => (float)i).ToArray())];
        for (int i = 0; i < tensors.Length; i++)
        {
            writer.Add($"{i}", [Count], tensors[i]);
        }

        string path = _folder.File("many");
        writer.Save(path);
        using SafetensorsFile file = SafetensorsFile.Open(path);
        Parallel.For(0, 64, i => Tolerance.SameBits($"{i}", file.ReadArray($"{i % 8}", Count), tensors[i % 8]));
    }

    /// <summary>The trained network of the sample, written by somebody else.</summary>
    [Fact]
    public void A_file_of_another_writer_is_read()
    {
        using SafetensorsFile file = SafetensorsFile.Open(RepositoryFiles.Locate("samples/QuickStart/Data/svtr_neck_ppocrv4.safetensors"));
        file.ReadArray("test.block0.attn_probs", 1, 8, 59, 59).Chunk(59).Should()
            .OnlyContain(row => Math.Abs(row.Sum() - 1) < 1e-5, "the weights of a query sum to 1");
    }

    private SafetensorsFile OpenSmall() => Open(SafetensorsBytes.File($"{{{SafetensorsBytes.Tensor("a", "F32", "[2]", 0, 8)}}}", new byte[8]));

    private SafetensorsFile Open(byte[] content)
    {
        string path = _folder.File($"{Guid.NewGuid()}.safetensors");
        File.WriteAllBytes(path, content);
        return SafetensorsFile.Open(path);
    }
}
