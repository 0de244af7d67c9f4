using System.Buffers.Binary;
using System.Text;
using Attention.Layers;

namespace Attention.Tests.Layers;

public sealed class SafetensorsBrokenFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    /// <summary>Headers over eight bytes of data, and what the message must say.</summary>
    public static TheoryData<string, string> BrokenTensors => new()
    {
        { Header(("a", "F32", "[2]", 0, 12)), "*'a'*[0, 12]*8 bytes*truncated*" },
        { Header(("a", "F32", "[2]", 8, 0)), "*'a'*[8, 0]*" },
        { Header(("a", "F32", "[2]", 0, long.MaxValue)), "*'a'*truncated*" },
        { Header(("a", "F32", "[1]", 0, 8)), "*'a' is F32 [1]*8 bytes*" },
        { Header(("a", "F32", "[3]", 0, 8)), "*'a' is F32 [3]*8 bytes*" },
        { Header(("a", "F16", "[2]", 0, 8)), "*'a' is F16 [2]*8 bytes*" },
        { Header(("a", "F32", "[4611686018427387904,4]", 0, 0), ("b", "F32", "[2]", 0, 8)), "*'a' is F32*0 bytes*" },
        { Header(("a", "F32", "[9223372036854775807,9223372036854775807,3]", 0, 8)), "*'a' is F32*8 bytes*" },
        { Header(("a", "F32", "[2]", 0, 8), ("b", "F32", "[1]", 4, 8)), "*'b' begins at byte 4, inside of 'a', which ends at 8*" },
        { Header(("a", "F32", "[2]", 0, 8), ("b", "F32", "[2]", 0, 8)), "*'b' begins at byte 0, inside of 'a'*" },
        { Header(("a", "F32", "[1]", 4, 8)), "*'a' begins at byte 4, with a gap after the header*" },
        { Header(("a", "U8", "[2]", 0, 2), ("b", "F32", "[1]", 4, 8)), "*'b' begins at byte 4, with a gap after 'a', which ends at 2*" },
        { Header(("a", "F32", "[1]", 0, 4)), "*4 bytes at the end*'a'*" },
        { "{}", "*8 bytes at the end*" },
        { Header(("a", "F32", "[2]", 0, 8), ("a", "F32", "[2]", 0, 8)), "*'a' is there twice*" },
        { Header(("a", "F32", "[-2]", 0, 8)), "*'a'*'shape'*whole number*" },
        { Header(("a", "F32", "[2.5]", 0, 8)), "*'a'*'shape'*whole number*" },
        { Header(("a", "F32", "[\"2\"]", 0, 8)), "*'a'*'shape'*whole number*" },
        { Header(("a", "F32", "[[2]]", 0, 8)), "*'a'*'shape'*whole number*" },
        { Header(("a", "F32", "[9223372036854775808]", 0, 8)), "*'a'*'shape'*whole number*" },
        { Header(("a", "F32", "2", 0, 8)), "*'a'*'shape'*not an array*" },
        { Header(("a", "F32", "[2]", -8, 0)), "*'a'*'data_offsets'*whole number*" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "*'a'*data_offsets [0]*" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8,8]}}""", "*'a'*data_offsets [0, 8, 8]*" },
        { """{"a":{"shape":[2],"data_offsets":[0,8]}}""", "*'a' has no 'dtype'*" },
        { """{"a":{"dtype":"F32","data_offsets":[0,8]}}""", "*'a' has no 'shape'*" },
        { """{"a":{"dtype":"F32","shape":[2]}}""", "*'a' has no 'data_offsets'*" },
        { """{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "*'a' has 'dtype' twice*" },
        { """{"a":{"dtype":"F32","shape":[2],"shape":[2],"data_offsets":[0,8]}}""", "*'a' has 'shape' twice*" },
        { """{"a":{"dtype":4,"shape":[2],"data_offsets":[0,8]}}""", "*'a'*'dtype'*not text*" },
        { """{"a":[]}""", "*'a' is not described by an object*" },
        { """{"__metadata__":{"x":1}}""", "*'__metadata__' has 'x', which is not text*" },
        { """{"__metadata__":{"x":"1","x":"2"}}""", "*'__metadata__' has 'x' twice*" },
        { """{"__metadata__":{},"__metadata__":{}}""", "*'__metadata__' is there twice*" },
        { """{"__metadata__":"x"}""", "*'__metadata__' is not an object*" },
        { "", "*does not begin with '{'*" },
        { "[]", "*does not begin with '{'*" },
        { " {}", "*does not begin with '{'*" },
        { "{", "*not JSON*" },
        { "{}{}", "*not JSON*" },
        { """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", "*not JSON*" },
        { """{"a":{"dtype":"F32","shape":[2,"data_offsets":[0,8]}}""", "*'a'*'shape'*whole number*" },
        { """{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "*not JSON*" },
    };

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(BrokenTensors))]
    public void A_broken_header_is_refused(string header, string message) =>
        Open(SafetensorsBytes.File(header, new byte[8])).Should().Throw<InvalidDataException>().WithMessage(message);

    [Fact]
    public void Bytes_that_are_not_text_are_refused()
    {
        byte[] content = SafetensorsBytes.File(Header(("x", "F32", "[2]", 0, 8)), new byte[8]);
        content[Array.IndexOf(content, (byte)'x')] = 0xFF;
        Open(content).Should().Throw<InvalidDataException>().WithMessage("*not JSON*");
    }

    /// <summary>Wherever a file ends too early, it is refused; and so is one that goes on.</summary>
    [Fact]
    public void A_file_cut_anywhere_is_refused()
    {
        byte[] content = SafetensorsBytes.File(Header(("a", "F32", "[2]", 0, 8)), new byte[8]);
        Open(content).Should().NotThrow();
        for (int length = 0; length < content.Length; length++)
        {
            Open(content[..length]).Should().Throw<InvalidDataException>("only {0} bytes are there", length);
        }

        Open([.. content, 0]).Should().Throw<InvalidDataException>();
    }

    [Theory]
    [InlineData(100_000_001ul, "*100000001*at most*")]
    [InlineData(ulong.MaxValue, "*18446744073709551615*at most*")]
    [InlineData(1000ul, "*1000*truncated*")]
    [InlineData(3ul, "*header is not JSON*")]
    public void A_wrong_length_of_the_header_is_refused(ulong stated, string message)
    {
        byte[] content = SafetensorsBytes.File(Header(("a", "F32", "[2]", 0, 8)), new byte[8]);
        BinaryPrimitives.WriteUInt64LittleEndian(content, stated);
        Open(content).Should().Throw<InvalidDataException>().WithMessage(message);
    }

    [Fact]
    public void Another_kind_of_file_is_refused()
    {
        Open(Encoding.ASCII.GetBytes("PK\x3\x4 this is an archive, as pytorch_model.bin is")).Should().Throw<InvalidDataException>();
    }

    /// <summary>Whatever single byte is changed: the file opens or is refused as invalid, and nothing else happens.</summary>
    [Fact]
    public void Any_changed_byte_opens_or_is_refused()
    {
        byte[] content = SafetensorsBytes.File(
            $"{{\"__metadata__\":{{\"k\":\"v\"}},{Header(("a", "F32", "[1]", 0, 4), ("b", "F16", "[2]", 4, 8))[1..]}", new byte[8]);
        int refused = 0;
        for (int place = 0; place < content.Length - 8; place++)
        {
            foreach (byte other in (byte[])[0, (byte)'"', (byte)'9', (byte)'-', (byte)'}', 0xFF])
            {
                byte before = content[place];
                content[place] = other;
                try
                {
                    SafetensorsFile.Open(Write(content)).Dispose();
                }
                catch (InvalidDataException)
                {
                    refused++;
                }

                content[place] = before;
            }
        }

        refused.Should().BeGreaterThan(content.Length, "most changes break something");
    }

    private static string Header(params (string Name, string Type, string Shape, long Start, long End)[] tensors) =>
        $"{{{string.Join(",", tensors.Select(tensor => SafetensorsBytes.Tensor(tensor.Name, tensor.Type, tensor.Shape, tensor.Start, tensor.End)))}}}";

    private Action Open(byte[] content)
    {
        string path = Write(content);
        return () => SafetensorsFile.Open(path).Dispose();
    }

    private string Write(byte[] content)
    {
        string path = _folder.File("broken.safetensors");
        File.WriteAllBytes(path, content);
        return path;
    }
}
