using System.Buffers.Binary;
using System.Text;

namespace Attention.Comparison.Contenders.Onnx;

/// <summary>Writes the few kinds of protobuf fields that an ONNX model needs.</summary>
internal sealed class ProtobufWriter
{
    private const int VariableLength = 0;
    private const int LengthFirst = 2;
    private const int FourBytes = 5;

    private readonly List<byte> _bytes = [];

    internal byte[] ToArray() => [.. _bytes];

    internal ProtobufWriter Number(int field, long value)
    {
        Tag(field, VariableLength);
        Variable((ulong)value);
        return this;
    }

    internal ProtobufWriter Single(int field, float value)
    {
        Tag(field, FourBytes);
        Span<byte> buffer = stackalloc byte[sizeof(float)];
        BinaryPrimitives.WriteSingleLittleEndian(buffer, value);
        _bytes.AddRange(buffer);
        return this;
    }

    internal ProtobufWriter Text(int field, string value) => Bytes(field, Encoding.UTF8.GetBytes(value));

    internal ProtobufWriter Message(int field, ProtobufWriter message) => Bytes(field, message.ToArray());

    private ProtobufWriter Bytes(int field, byte[] value)
    {
        Tag(field, LengthFirst);
        Variable((ulong)value.Length);
        _bytes.AddRange(value);
        return this;
    }

    private void Tag(int field, int kind) => Variable(((ulong)field << 3) | (uint)kind);

    private void Variable(ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            _bytes.Add((byte)(value | 0x80));
        }

        _bytes.Add((byte)value);
    }
}
