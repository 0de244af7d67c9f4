using System.Buffers.Binary;
using System.Text;

namespace Attention.Tests.Layers;

/// <summary>Safetensors files made by hand, right or wrong.</summary>
internal static class SafetensorsBytes
{
    /// <summary>The length of the header, the header, the data.</summary>
    internal static byte[] File(string header, params byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] prefix = new byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, (ulong)text.Length);
        return [.. prefix, .. text, .. data];
    }

    /// <summary>The description of a tensor in a header.</summary>
    internal static string Tensor(string name, string type, string shape, long start, long end) =>
        $"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":{shape},\"data_offsets\":[{start},{end}]}}";
}
