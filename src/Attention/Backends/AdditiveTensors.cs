namespace Attention.Backends;

/// <summary>The tensors that additive attention reads; or, in a backward pass, where the gradient of each goes, null where it is not wanted.</summary>
public readonly struct AdditiveTensors
{
    /// <summary><c>[batch, heads, queryLength, hiddenSize]</c>.</summary>
    public required DeviceTensor? Query { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, hiddenSize]</c>.</summary>
    public required DeviceTensor? Key { get; init; }

    /// <summary><c>[hiddenSize]</c>.</summary>
    public required DeviceTensor? ScoreVector { get; init; }

    /// <summary><c>[batch, keyValueHeads, keyLength, valueSize]</c>.</summary>
    public required DeviceTensor? Value { get; init; }
}
