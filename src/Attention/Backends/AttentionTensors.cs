namespace Attention.Backends;

/// <summary>The tensors that attention reads; or, in a backward pass, where the gradient of each goes.</summary>
public readonly struct AttentionTensors
{
    /// <summary><c>[batch, heads, queryLength, headSize]</c>.</summary>
    public required DeviceTensor Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, headSize]</c>.</summary>
    public required DeviceTensor Key { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor Value { get; init; }

    /// <summary>Added to the scores, broadcast to <c>[batch, heads, queryLength, keyLength]</c>; null for none.</summary>
    public DeviceTensor? Bias { get; init; }

    /// <summary>One logit per head that takes part in the normaliser alone, <c>[heads]</c>; null for none.</summary>
    public DeviceTensor? SinkLogits { get; init; }
}
