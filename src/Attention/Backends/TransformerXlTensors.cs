namespace Attention.Backends;

/// <summary>The tensors that attention with the positions of Transformer-XL reads; or, in a backward pass, where the gradient of each goes.</summary>
public readonly struct TransformerXlTensors
{
    /// <summary><c>[batch, heads, queryLength, headSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, headSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary>A row for each distance, the largest first, <c>[heads or 1, queryLength + keyLength - 1, headSize]</c>.</summary>
    public required DeviceTensor RelativeKey { get; init; }

    /// <summary>Added to queries that meet keys, <c>[heads, headSize]</c>.</summary>
    public required DeviceTensor ContentBias { get; init; }

    /// <summary>Added to queries that meet relative keys, <c>[heads, headSize]</c>.</summary>
    public required DeviceTensor PositionBias { get; init; }
}
