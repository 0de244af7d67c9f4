using System.Numerics.Tensors;

namespace Attention.Mechanisms;

/// <summary>
/// What <see cref="RelativeAttention"/> adds to keys and values: a row for each distance from -k to k, where a pair's distance is
/// <c>key - query - Offset</c>, clipped to that range, and row <c>distance + k</c> is its own.
/// </summary>
public readonly ref struct RelativeTables
{
    /// <summary>Added to the keys, <c>[2k + 1, headSize]</c>. Absent if its rank is 0.</summary>
    public ReadOnlyTensorSpan<float> Key { get; init; }

    /// <summary>Added to the values, <c>[2k + 1, valueSize]</c>. Absent if its rank is 0.</summary>
    public ReadOnlyTensorSpan<float> Value { get; init; }

    /// <summary>The key that stands beside query 0; with a cache, how many keys were there before the queries.</summary>
    public int Offset { get; init; }
}

/// <summary>Where the gradients of <see cref="RelativeTables"/> go; each is overwritten, and not computed if left out.</summary>
public readonly ref struct RelativeTableGradients
{
    /// <summary>The shape of <see cref="RelativeTables.Key"/>. Absent if its rank is 0.</summary>
    public TensorSpan<float> Key { get; init; }

    /// <summary>The shape of <see cref="RelativeTables.Value"/>. Absent if its rank is 0.</summary>
    public TensorSpan<float> Value { get; init; }
}
