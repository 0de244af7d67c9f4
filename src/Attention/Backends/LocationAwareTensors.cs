namespace Attention.Backends;

/// <summary>
/// The tensors that location-aware attention reads; or, in a backward pass, where the gradient of each goes, null where nobody
/// wants it.
/// </summary>
public readonly struct LocationAwareTensors
{
    /// <summary>The projected queries, <c>[batch, queryLength, hiddenSize]</c>.</summary>
    public DeviceTensor? Query { get; init; }

    /// <summary>The projected keys, <c>[batch, keyLength, hiddenSize]</c>.</summary>
    public DeviceTensor? Key { get; init; }

    /// <summary><c>[batch, keyLength, valueSize]</c>.</summary>
    public DeviceTensor? Value { get; init; }

    /// <summary><c>[hiddenSize]</c>.</summary>
    public DeviceTensor? ScoreVector { get; init; }

    /// <summary><c>[hiddenSize, filters]</c>.</summary>
    public DeviceTensor? Projection { get; init; }

    /// <summary><c>[filters, width]</c>; null for none.</summary>
    public DeviceTensor? Filters { get; init; }

    /// <summary><c>[1]</c>; null for none.</summary>
    public DeviceTensor? ScoreBias { get; init; }

    /// <summary><c>[batch, keyLength]</c>; null for zeros.</summary>
    public DeviceTensor? InitialAlignment { get; init; }
}
