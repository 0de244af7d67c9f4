using Attention.Mechanisms;

namespace Attention.Backends;

/// <summary>The tensors that attention by clipped distances reads; or, in a backward pass, where the gradient of each goes.</summary>
public readonly struct RelativeTensors
{
    /// <summary><c>[batch, heads, queryLength, headSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, headSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary>Added to the keys by distance, <c>[2k + 1, headSize]</c>; null for none.</summary>
    public DeviceTensor? KeyTable { get; init; }

    /// <summary>Added to the values by distance, <c>[2k + 1, valueSize]</c>; null for none.</summary>
    public DeviceTensor? ValueTable { get; init; }

    /// <summary>The key that stands beside query 0.</summary>
    public int Offset { get; init; }

    internal RelativeTables Tables(IHostMemory host) => new()
    {
        Key = host.Span(KeyTable, "keyTable"),
        Value = host.Span(ValueTable, "valueTable"),
        Offset = Offset,
    };
}
